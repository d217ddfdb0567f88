// Bytes that may be text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oast {

/// Well-formed UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

/// How many bytes at the end, 0 to 3, begin a character whose rest is missing.
std::size_t unfinished_character(std::string_view bytes);

/// The first `limit` of `bytes` as well-formed UTF-8, U+FFFD in the place of what is none. For what
/// must be text; output is not.
std::string to_utf8(std::string_view bytes, std::size_t limit = std::string_view::npos);

}  // namespace oast
