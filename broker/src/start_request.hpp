// What a host may ask for in a Start.
#pragma once

#include "oast/codec.hpp"

namespace oast::broker {

/// Throws Error(invalid) for a name, a working directory or an environment that no kernel can have.
void check(const wire::StartT& request);

}  // namespace oast::broker
