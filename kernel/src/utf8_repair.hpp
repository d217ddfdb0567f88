// Text that came as bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oast::kernel {

/// Appends `bytes` to `out` as valid UTF-8: U+FFFD stands for every sequence that is none (each
/// maximal subpart of one, as the Unicode Standard advises in 3.9). A sequence that the end cuts
/// off is left out; returns how many bytes it has, 0 to 3.
std::size_t append_utf8(std::string& out, std::string_view bytes);

/// `bytes` as valid UTF-8, at most `limit` bytes of them, U+FFFD at a cut-off end too.
std::string to_utf8(std::string_view bytes, std::size_t limit = std::string_view::npos);

}  // namespace oast::kernel
