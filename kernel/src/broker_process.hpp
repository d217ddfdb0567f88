// The process that a kernel's broker runs in.
#pragma once

#include <string>

#include "oast/fd.hpp"

namespace oast::kernel {

/// A pidfd of the process that listens at `control`, an ipc endpoint: readable when it has ended,
/// and not while it is merely stopped. None when it cannot be seen from here, as from another pid
/// namespace. Does not block.
Fd broker_process(const std::string& control);

}  // namespace oast::kernel
