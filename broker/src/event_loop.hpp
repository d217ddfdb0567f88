// The loop that owns everything in a broker.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "fd.hpp"
#include "oast/broker/broker.hpp"

namespace oast::broker {

/// One thread that waits for descriptors, timers and posted work, and never for anything else.
///
/// Threads: `post` and `quit` from any thread; everything else on the loop's thread, or before
/// `run`. Callbacks may add and remove watches and timers, their own included.
class EventLoop {
 public:
  using Callback = std::function<void()>;
  using Duration = std::chrono::steady_clock::duration;

  explicit EventLoop(std::shared_ptr<Clock> clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Ends what it stands for when it goes. Must not outlive the loop.
  class Handle {
   public:
    Handle() = default;
    explicit Handle(Callback cancel) : cancel_(std::move(cancel)) {}
    Handle(Handle&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
    Handle& operator=(Handle&& other) noexcept {
      if (this != &other) {
        reset();
        cancel_ = std::exchange(other.cancel_, nullptr);
      }
      return *this;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { reset(); }

    void reset() {
      if (auto cancel = std::exchange(cancel_, nullptr)) cancel();
    }
    explicit operator bool() const { return cancel_ != nullptr; }

   private:
    Callback cancel_;
  };

  /// Calls back while `fd` is readable or its other end is gone. The fd must outlive the handle.
  [[nodiscard]] Handle watch(int fd, Callback callback);
  /// Calls back once, `delay` from now by the injected clock.
  [[nodiscard]] Handle after(Duration delay, Callback callback);
  Clock::TimePoint now() const { return clock_->now(); }

  /// `turn` does a bounded amount of work and says whether it found any; it is called until it
  /// finds none before the loop sleeps. `fd` becomes readable when there may be work again.
  void add_source(int fd, std::function<bool()> turn);

  void post(Callback callback);
  void run();
  void quit();

  bool in_loop_thread() const { return thread_ == std::this_thread::get_id(); }

 private:
  struct Timer {
    Clock::TimePoint due;
    std::uint64_t serial;
    auto operator<=>(const Timer&) const = default;  // NOLINT(modernize-use-nullptr)
  };

  bool run_posted();
  bool run_timers();
  /// Waits for descriptors, no longer than the next timer; not at all if `poll_only`.
  void look(bool poll_only);

  std::shared_ptr<Clock> clock_;
  Fd epoll_;
  Fd wake_;
  std::thread::id thread_;
  bool quit_ = false;
  unsigned busy_turns_ = 0;

  std::vector<std::function<bool()>> sources_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Callback>> watches_;
  std::map<Timer, Callback> timers_;
  std::uint64_t serial_ = 1;  // 0 marks descriptors without a callback

  std::mutex posted_mutex_;
  std::vector<Callback> posted_;  // the only state that threads share
};

}  // namespace oast::broker
