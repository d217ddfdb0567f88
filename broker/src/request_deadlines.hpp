// Requests that are to end within a time.
#pragma once

#include <chrono>
#include <functional>

#include "event_loop.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Eval.timeout_ms and kill_ms, from acceptance on. When the time has passed, a request that waits
/// at the broker ends; one that was dispatched is interrupted by its number, so that no other is
/// hit; if it still runs `kill_ms` later, its kernel is killed. A request that ends takes its
/// deadline with it.
class RequestDeadlines {
 public:
  RequestDeadlines(EventLoop& loop, KernelTable& kernels, Interrupts& interrupts,
                   Supervisor& supervisor)
      : loop_(loop), kernels_(kernels), interrupts_(interrupts), supervisor_(supervisor) {}

  /// Called with a request whose time passed while it waited at the broker: is to end it.
  void on_expired(std::function<void(Kernel&, RequestKey, const Failure&)> end) {
    end_ = std::move(end);
  }

  /// The request is open and waiting. Milliseconds; `kill`: 0 for never.
  void set(Kernel& kernel, RequestKey key, std::uint64_t timeout, std::uint64_t kill);
  /// If the request was interrupted by its deadline and `packet` is a Failure, that becomes one
  /// that says so, with its traceback and number.
  static void explain(const RequestQueue::Open& open, wire::Packet& packet);

 private:
  void expired(KernelId id, RequestKey key);
  void still_runs(KernelId id, RequestKey key);

  EventLoop& loop_;
  KernelTable& kernels_;
  Interrupts& interrupts_;
  Supervisor& supervisor_;
  std::function<void(Kernel&, RequestKey, const Failure&)> end_;
};

}  // namespace oast::broker
