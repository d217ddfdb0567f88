// Signals of the process that the broker is part of.
#pragma once

#include <csignal>

namespace oast::broker {

/// From now on no signal runs its handler on this thread, but for faults of its own: handlers
/// belong on the program's threads.
inline void block_signals() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace oast::broker
