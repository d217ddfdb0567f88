// Failures in words.
#pragma once

#include <string>

#include "oast/error.hpp"
#include "wake_event.hpp"

namespace oast::cli {

/// Prints a failure to standard error: message and traceback, or how the kernel died and the last
/// lines that it wrote. Ends early when `cancel` rings.
void explain(const Failure& failure, const WakeEvent* cancel = nullptr);

/// "exited with code 3", "killed by SIGKILL", ...: what the death says of itself.
std::string death_text(const Death& death);

/// "ended with exit code 0", "ended by SIGKILL": for whoever asked for it.
std::string end_text(const Death& death);

/// "1.5 s", "2 s", "0.25 s"
std::string seconds_text(double seconds);

}  // namespace oast::cli
