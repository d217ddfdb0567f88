// Waking threads that do not receive.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

namespace oast::kernel {

/// Where threads other than the engine's wait for what others receive for them. Thread-safe.
class WaitQueue {
 public:
  using Clock = std::chrono::steady_clock;

  /// Makes every waiting thread look at its condition again. Does not block.
  void notify_all() {
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
  /// Blocks until `done()`, which must be cheap; what changes it must ring. Returns done() as it
  /// was last; false at the deadline.
  bool wait(const std::function<bool()>& done, std::optional<Clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    if (deadline) return changed_.wait_until(lock, *deadline, done);
    changed_.wait(lock, done);
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace oast::kernel
