// Text as Jupyter counts it, and bytes as they come.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oast::jupyter {

/// Bytes before code point `position` of `text`, which should be UTF-8; all of them beyond its end.
std::size_t byte_offset(std::string_view text, std::size_t position);
/// Code points that begin before byte `offset`.
std::size_t code_points(std::string_view text, std::size_t offset);

/// Puts characters together that a program wrote in several pieces.
class Utf8Stream {
 public:
  /// What can be shown of all that came: but for a character at its end that may go on.
  std::string add(std::string_view bytes);
  /// The rest, when nothing more comes.
  std::string finish();

 private:
  std::string rest_;
};

}  // namespace oast::jupyter
