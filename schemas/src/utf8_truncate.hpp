// Cutting UTF-8 text between characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace oast {

inline bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// The first bytes, at most `most`.
inline std::string_view head(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && continues_character(text[most])) --most;
  return text.substr(0, most);
}

/// The last bytes, at most `most`.
inline std::string_view tail(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t first = text.size() - most;
  while (first < text.size() && continues_character(text[first])) ++first;
  return text.substr(first);
}

}  // namespace oast
