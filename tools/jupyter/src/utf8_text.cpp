#include "utf8_text.hpp"

#include <algorithm>
#include <utility>

namespace oast::jupyter {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Bytes of the character that begins so; 1 for what begins none.
std::size_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xF0U && byte < 0xF8U) return 4;
  if (byte >= 0xE0U && byte < 0xF0U) return 3;
  return byte >= 0xC0U && byte < 0xE0U ? 2 : 1;
}

/// Where a character begins that is not whole yet; the size if all are.
std::size_t incomplete_at(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const std::size_t at = text.size() - back;
    if (continues(text[at])) continue;
    return length_of(text[at]) > back ? at : text.size();
  }
  return text.size();
}

}  // namespace

std::size_t byte_offset(std::string_view text, std::size_t position) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (continues(text[at])) continue;
    if (position == 0) break;
    --position;
  }
  return at;
}

std::size_t code_points(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  return static_cast<std::size_t>(
      std::count_if(before.begin(), before.end(), [](char byte) { return !continues(byte); }));
}

std::string Utf8Stream::add(std::string_view bytes) {
  if (rest_.empty() && incomplete_at(bytes) == bytes.size()) return std::string(bytes);
  rest_ += bytes;
  const std::size_t end = incomplete_at(rest_);
  std::string whole = rest_.substr(0, end);
  rest_.erase(0, end);
  return whole;
}

std::string Utf8Stream::finish() { return std::exchange(rest_, {}); }

}  // namespace oast::jupyter
