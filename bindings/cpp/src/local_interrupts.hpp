// Interrupting an engine that runs in this process.
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "oast/kernel/engine.hpp"

namespace oast::detail {

/// The interrupt of one engine's running request: a flag, signals that stop what the engine's
/// thread does, again and again until it has noticed, and an end to its waits.
///
/// A signal may come between an engine's look at the flag and the system call that it then sleeps
/// in, which is why one is not enough.
class LocalInterrupts {
 public:
  LocalInterrupts();
  ~LocalInterrupts();
  LocalInterrupts(const LocalInterrupts&) = delete;
  LocalInterrupts& operator=(const LocalInterrupts&) = delete;

  /// On the engine's thread, once, before it runs anything; `detach` before the engine goes.
  void attach(kernel::Engine& engine);
  void detach();

  /// Any thread. Does not block.
  void raise();
  /// On the engine's thread: the request has ended.
  void clear();
  /// Async-signal-safe.
  bool raised() const noexcept { return raised_.load(std::memory_order_acquire); }

  /// Blocks until `done()`, which is called with the lock of `change` held, or the interrupt; says
  /// whether it is done. On the engine's thread.
  template <class Done>
  bool wait(const Done& done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done() || raised(); });
    return done();
  }
  /// The same, whatever interrupts.
  template <class Done>
  void wait_through(const Done& done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, done);
  }
  /// Does what a wait may wait for. Any thread.
  template <class Action>
  void change(const Action& action) {
    const std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }

 private:
  static void on_signal(int) noexcept;
  /// The realtime signal of this process for it. Throws Error(overloaded) when all are in use.
  static int signal_number();
  void send_signals();

  const int signal_ = signal_number();
  std::atomic<bool> raised_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  kernel::Engine* engine_ = nullptr;  // guarded by mutex_ but for the engine's own thread
  pthread_t thread_{};                // guarded by mutex_; meaningful with engine_
  bool over_ = false;                 // guarded by mutex_
  std::thread sender_;
};

}  // namespace oast::detail
