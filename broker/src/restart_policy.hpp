// Which kernels are started again when they have died.
#pragma once

#include "kernel.hpp"

namespace oast::broker {

/// As Erlang's supervisors: whether the policy of the kernel, which is about to be dead, asks for
/// another in its place. Not for one that somebody stopped or killed, or whose owner has left, nor
/// for one whose Start has failed.
bool wants_restart(const Kernel& kernel);

/// Counts one restart; false when that is more than `restart_intensity` within the period.
bool count_restart(Kernel& kernel, Clock::TimePoint now);

}  // namespace oast::broker
