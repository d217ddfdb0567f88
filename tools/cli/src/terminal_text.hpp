// UTF-8, one code point at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oast::cli {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;  ///< bytes; 0: the text does not begin with valid UTF-8
};

/// The code point that `text` begins with. Overlong forms, surrogates and values beyond U+10FFFF
/// are not valid.
CodePoint first_code_point(std::string_view text);

/// Columns that the text takes on a terminal: one for a code point, two for wide ones, none for
/// combining marks. Needs the program's locale to know the wide ones.
std::size_t columns(std::string_view text);

/// The text cut to at most `width` columns, with "…" in place of what was cut.
std::string shorten(std::string_view text, std::size_t width);

/// The text with control characters replaced by '?', so that it cannot move the cursor.
std::string printable(std::string_view text);

}  // namespace oast::cli
