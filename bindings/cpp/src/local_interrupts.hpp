// Interrupting an engine that runs in this process.
#pragma once

#include <atomic>
#include <thread>

#include "oast/kernel/engine.hpp"
#include "oast/kernel/interrupt_gate.hpp"
#include "oast/kernel/wait_queue.hpp"

namespace oast::detail {

/// What a kernel has for it, without a process of its own: the gate of one engine, a signal that
/// nobody else uses, and a thread that repeats it.
class LocalInterrupts {
 public:
  /// On the engine's thread. Throws Error(overloaded) when every realtime signal is in use.
  LocalInterrupts();
  /// On any thread, once the engine has gone.
  ~LocalInterrupts();
  LocalInterrupts(const LocalInterrupts&) = delete;
  LocalInterrupts& operator=(const LocalInterrupts&) = delete;

  /// On the engine's thread, before it runs anything; `detach` before the engine goes.
  void attach(kernel::Engine& engine);
  void detach();

  /// On the engine's thread: a request begins, and ends.
  void begin() { gate_.begin(0, {}); }
  void end() { gate_.end(); }
  /// Makes what runs stop, if anything does. Any thread. Does not block.
  void interrupt();
  /// What runs is interrupted. Async-signal-safe.
  bool raised() const noexcept { return gate_.interrupted() != 0; }

  /// Where the engine's thread waits; an interrupt notifies it.
  kernel::WaitQueue& waiters() { return waiters_; }

 private:
  static void on_signal(int) noexcept;
  void repeat();

  kernel::InterruptGate gate_;
  kernel::WaitQueue waiters_;
  std::atomic<kernel::Engine*> engine_ = nullptr;
  std::atomic<bool> over_ = false;
  std::thread repeater_;
};

}  // namespace oast::detail
