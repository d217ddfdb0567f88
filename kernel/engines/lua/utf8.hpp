// Text that is known to be UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace oast::kernel::lua {

/// Well-formed UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// The text, each byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace oast::kernel::lua
