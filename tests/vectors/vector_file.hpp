// The vectors: which there are, and their two files.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "../unit/messages.hpp"
#include "../unit/packet_file.hpp"
#include "readable_form.hpp"

namespace oast::testing {

/// The names of all files of `directory` without their extensions.
inline std::set<std::string> vector_names(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.insert(entry.path().stem().string());
  return names;
}

inline Json read_form(const std::filesystem::path& file) { return Json::parse(read_file(file)); }

/// The message of a ".bin" file. Throws std::runtime_error when it is not in order.
inline wire::Packet read_vector(const std::filesystem::path& file) {
  wire::Packet packet = to_packet(read_file(file));
  if (const auto problem = wire::verify(packet))
    throw std::runtime_error(file.string() + ": " + std::string(*problem));
  if (packet.root().body_as_Result() == nullptr)
    throw std::runtime_error(file.string() + " holds no Result");
  return packet;
}

/// What a reader finds of the value when it was written to a message.
inline Value sent(const Value& value) {
  wire::Packet packet = result(value);
  if (const auto problem = wire::verify(packet)) throw std::runtime_error(std::string(*problem));
  return read_result(packet);
}

}  // namespace oast::testing
