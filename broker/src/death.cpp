#include "death.hpp"

#include <string.h>

namespace oast::broker {

namespace {

std::string how_it_ended(const Kernel& kernel, const ExitStatus& status) {
  if (status.exit_code >= 0) return "it exited with code " + std::to_string(status.exit_code);
  if (status.signal != 0) return "it was killed by " + signal_name(status.signal);
  if (!kernel.process) return "it was just being started";
  return "how it ended is unknown, somebody killed its launcher";
}

}  // namespace

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

Death explain(const Kernel& kernel, ExitStatus status) {
  Death death;
  death.exit_code = status.exit_code;
  death.signal = status.signal;
  if (status.signal != 0) death.signal_name = signal_name(status.signal);
  death.stderr_tail = kernel.stderr_tail.text();
  const std::string how = how_it_ended(kernel, status);
  if (kernel.intent) {
    death.cause = kernel.intent->first;
    death.explanation = kernel.intent->second;
    if (death.cause == DeathCause::owner_gone || death.cause == DeathCause::stopped)
      death.explanation += "; " + how;
  } else {
    death.cause = status.signal != 0 ? DeathCause::signalled : DeathCause::exited;
    death.explanation = how;
    if (!kernel.registered()) death.explanation += " before it registered";
  }
  return death;
}

}  // namespace oast::broker
