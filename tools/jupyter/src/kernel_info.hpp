// What a bridge says of itself and its kernel.
#pragma once

#include <string>

#include "json.hpp"
#include "oast/worker.hpp"

namespace oast::jupyter {

/// Asks the kernel for the version of its language; "" when it does not say. Blocks.
std::string language_version(Worker& worker, const std::string& language);

/// kernel_info_reply.
Json kernel_info(const SpecInfo& spec, const std::string& version);

}  // namespace oast::jupyter
