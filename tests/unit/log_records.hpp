// Records for tests of a kernel's log. Their bytes say which number they have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "log_record.hpp"

namespace oast::test {

/// Bytes that no other number has.
inline std::string text_of(std::uint64_t number, std::size_t size) {
  std::string text = std::to_string(number) + ":";
  text.resize(std::max(size, text.size()), static_cast<char>('a' + number % 26));
  return text;
}

/// Of `size` bytes, or a few more when that is too small to tell the number.
inline broker::Record record(std::uint64_t number, std::size_t size,
                             wire::Body body = wire::Body::Output) {
  broker::Record made{number, PeerId{7}, RequestId{number / 10}, body, {}};
  const std::string text = text_of(number, size);
  made.packet.message = zmq::message_t(text.data(), text.size());
  return made;
}

inline bool is_intact(const broker::Record& record) {
  const std::string_view text = record.packet.message.to_string_view();
  return text == text_of(record.number, text.size());
}

}  // namespace oast::test
