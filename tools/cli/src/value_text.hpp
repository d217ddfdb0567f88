// Values as a language would write them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "oast/value.hpp"

namespace oast::cli {

/// The value as source of the language: in "python" as repr has it, `{'x': [1, 2.0]}`, in all
/// others as Lua, `{x = {1, 2.0}}`. What does not fit into `width` columns is broken into indented
/// lines. Tensors, errors and native values have no source: they are summed up in angle brackets.
std::string value_text(const Value& value, std::string_view language, std::size_t width = 80);

}  // namespace oast::cli
