#include "restart_policy.hpp"

#include <signal.h>

#include <vector>

namespace oast::broker {

bool wants_restart(const Kernel& kernel) {
  const auto policy = kernel.request->restart;
  if (policy == wire::RestartPolicy::never) return false;
  if (!kernel.registered() && kernel.restarts == 0) return false;
  const DeathCause cause = kernel.intent ? kernel.intent->first : kernel.death->cause;
  if (cause == DeathCause::stopped || cause == DeathCause::owner_gone) return false;
  // A process may end on SIGTERM in its own way.
  if (kernel.asked_signal == SIGTERM) return false;
  if (kernel.death->signal != 0 && kernel.death->signal == kernel.asked_signal) return false;
  const bool failed = cause != DeathCause::exited || kernel.death->exit_code != 0;
  return failed || policy == wire::RestartPolicy::always;
}

bool count_restart(Kernel& kernel, Clock::TimePoint now) {
  const std::chrono::milliseconds period(kernel.request->restart_period_ms);
  std::erase_if(kernel.restarted_at, [&](Clock::TimePoint at) { return now - at >= period; });
  if (kernel.restarted_at.size() >= kernel.request->restart_intensity) return false;
  kernel.restarted_at.push_back(now);
  return true;
}

}  // namespace oast::broker
