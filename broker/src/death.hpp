// How a kernel ended, for whoever asks.
#pragma once

#include <string>

#include "kernel.hpp"
#include "launcher.hpp"

namespace oast::broker {

/// "SIGKILL", or "signal 64".
std::string signal_name(int signal);

/// By what the broker meant to do with it and how its process ended, with the last lines of stderr.
Death explain(const Kernel& kernel, ExitStatus status);

}  // namespace oast::broker
