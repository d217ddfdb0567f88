// The kernel runtime: everything of a kernel process that is not its language.
#pragma once

#include <functional>
#include <memory>

#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// Reads the launch details from stdin, connects, and serves requests on the calling thread, which
/// becomes the engine's, until told to end. Returns the process's exit code.
///
/// Takes over descriptors 0, 1 and 2 (0 becomes /dev/null, 1 and 2 are captured and become output)
/// and the signal SIGUSR1, and starts two threads. Call it once, first thing in main.
int run_kernel(const std::function<std::unique_ptr<Engine>(Services&)>& make_engine);

}  // namespace oast::kernel
