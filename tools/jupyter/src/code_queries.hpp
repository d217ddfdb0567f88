// What frontends ask of code that is being edited.
#pragma once

#include "exchange.hpp"
#include "kernel_client.hpp"

namespace oast::jupyter {

// Each begins the exchange, and ends it when the kernel has answered.
void complete(KernelClient& kernel, const SharedExchange& exchange);
void inspect(KernelClient& kernel, const SharedExchange& exchange);
void is_complete(KernelClient& kernel, const SharedExchange& exchange);

}  // namespace oast::jupyter
