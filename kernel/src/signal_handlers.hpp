// Signals of a kernel process.
#pragma once

#include <csignal>

#include "capture.hpp"
#include "oast/kernel/engine.hpp"
#include "oast/kernel/interrupt_gate.hpp"

namespace oast::kernel {

class Control;

/// No signal reaches a thread that is started while this lives. Faults of the thread's own do.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// Call once, on the engine's thread, which then blocks no signal. SIGUSR1 is for `gate` from now
/// on. SIGINT and SIGPIPE do nothing here, and what they always do in child processes.
void install_handlers(const InterruptGate& gate);

/// The same for an engine with handlers of its own, one of them for `interrupt` (0: none): signals
/// that already have one keep it, and `interrupt` is left alone.
void keep_handlers(int interrupt);

/// Whom SIGUSR1 interrupts; nullptr: nobody.
void set_interrupted_engine(Engine* engine);

/// When the process crashes from now on, what it wrote last still gets out. Both must live until
/// `forget_last_words`; `control` may be nullptr.
void keep_last_words(const Capture& capture, Control* control);
void forget_last_words();

}  // namespace oast::kernel
