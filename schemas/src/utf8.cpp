#include "oast/utf8.hpp"

#include <utf8.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace oast {

namespace {

/// How many bytes at the start are ASCII, or a few less; looks at eight at a time.
std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t n = 0;
  for (; n + 8 <= bytes.size(); n += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + n, 8);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  return n;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

bool is_utf8(std::string_view bytes) {
  bytes.remove_prefix(ascii_prefix(bytes));
  return utf8::is_valid(bytes.begin(), bytes.end());
}

std::size_t unfinished_character(std::string_view bytes) {
  std::size_t size = 1;
  while (size <= std::min<std::size_t>(3, bytes.size()) && continues(bytes[bytes.size() - size]))
    ++size;
  if (size > std::min<std::size_t>(3, bytes.size())) return 0;
  const auto first = static_cast<unsigned char>(bytes[bytes.size() - size]);
  const std::size_t whole = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (first > 0xF4 || size >= whole) return 0;
  if (size == 1) return 1;
  // Only the second byte has rules that depend on the first.
  std::string character(bytes.substr(bytes.size() - size));
  character.append(whole - size, '\x80');
  return is_utf8(character) ? size : 0;
}

std::string to_utf8(std::string_view bytes, std::size_t limit) {
  bytes = bytes.substr(0, limit);
  std::string text;
  text.reserve(bytes.size());
  utf8::replace_invalid(bytes.begin(), bytes.end(), std::back_inserter(text));
  return text;
}

}  // namespace oast
