// What a host may ask for in a Start.
#pragma once

#include <string_view>

#include "oast/codec.hpp"

namespace oast::broker {

/// At most 64 letters, digits, '-', '_' and '.': for tables, command lines and files.
bool is_name(std::string_view name);

/// Throws Error(invalid) for a name, a working directory or an environment that no kernel can have.
void check(const wire::StartT& request);

}  // namespace oast::broker
