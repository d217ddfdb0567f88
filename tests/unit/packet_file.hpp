// Packets as files, for golden messages and the fuzzer's corpus: each frame behind its length in
// four bytes, little-endian; the message first, then its buffers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "oast/codec.hpp"

namespace oast::testing {

inline std::string to_bytes(const wire::Packet& packet) {
  std::string bytes;
  const auto add = [&](const zmq::message_t& frame) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes += static_cast<char>((frame.size() >> shift) & 0xFF);
    }
    bytes += frame.to_string_view();
  };
  add(packet.message);
  for (const auto& buffer : packet.buffers) add(buffer);
  return bytes;
}

/// Any bytes make a packet: a length beyond the end means the rest.
inline wire::Packet to_packet(std::string_view bytes) {
  wire::Packet packet;
  for (bool first = true; bytes.size() >= 4; first = false) {
    std::size_t size = 0;
    for (unsigned i = 0; i < 4; ++i) {
      size |= std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    bytes.remove_prefix(4);
    size = std::min(size, bytes.size());
    zmq::message_t frame(bytes.data(), size);
    bytes.remove_prefix(size);
    if (first) {
      packet.message = std::move(frame);
    } else {
      packet.buffers.push_back(std::move(frame));
    }
  }
  return packet;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace oast::testing
