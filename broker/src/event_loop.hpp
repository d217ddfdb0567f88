// The loop that owns everything in a broker.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "oast/broker/broker.hpp"
#include "oast/fd.hpp"
#include "oast/turn_lock.hpp"
#include "oast/wake_fd.hpp"

namespace oast::broker {

/// Waits for descriptors, timers and posted work, and never for anything else. One thread at a time
/// drives it: its own, in `run`, or in its place one that waits for what the loop is about to do,
/// in `poll`, which spares two thread switches.
///
/// A turn is bounded in time as far as its callbacks are: after kTurn, posted work and timers wait
/// for the next one. A callback that throws loses what it was about; the loop goes on.
///
/// Threads: `post`, `quit`, `poll` and `attend` from any thread; everything else on the driving
/// thread, or before `run`. Callbacks may add and remove watches and timers, their own included.
class EventLoop {
 public:
  using Callback = std::function<void()>;
  using Duration = std::chrono::steady_clock::duration;

  /// How long posted work, timers and each source may take of one turn.
  static constexpr std::chrono::milliseconds kTurn{2};

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

  /// Called with what a callback threw. Before `run`, or on the driving thread.
  void on_exception(std::function<void(const char* what)> report) { report_ = std::move(report); }

  /// `turn` does a bounded amount of work and says whether it found any; it is called until it
  /// finds none before the loop sleeps. `fd` becomes readable when there may be work again.
  void add_source(int fd, std::function<bool()> turn);

  void post(Callback callback);
  /// Drives the loop whenever nobody else does, until `quit`.
  void run();
  void quit();

  /// As poll(2), and drives the loop meanwhile, unless another caller of `poll` does.
  int poll(std::span<pollfd> fds, int milliseconds);
  /// If nobody drives the loop, its own thread is to do so now and not after a while: for who sent
  /// something and will not wait in `poll`.
  void attend();

 private:
  using Real = std::chrono::steady_clock;
  struct Timer {
    Clock::TimePoint due;
    std::uint64_t serial;
    auto operator<=>(const Timer&) const = default;  // NOLINT(modernize-use-nullptr)
  };

  /// Runs `work` and reports what it throws.
  template <class Work>
  void guarded(const Work& work) noexcept;
  void report(const char* what) noexcept;
  bool run_posted();
  bool run_timers();
  void run_watches();
  /// One bounded turn of everything; says whether there was any work.
  bool turn();
  /// Until one of `fds` is ready, the deadline, or `stop`; returns as poll(2).
  int drive(std::span<pollfd> fds, std::optional<Real::time_point> deadline,
            const std::atomic<bool>& stop) noexcept;
  int sleep(std::span<pollfd> fds, std::optional<Real::time_point> until);

  std::shared_ptr<Clock> clock_;
  Fd epoll_;
  const wire::WakeFd wake_;
  std::vector<pollfd> polled_;  // what `sleep` sleeps on: epoll_, the sources', the caller's
  unsigned busy_turns_ = 0;

  std::vector<std::function<bool()>> sources_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Callback>> watches_;
  std::map<Timer, Callback> timers_;
  std::uint64_t serial_ = 1;  // 0 marks descriptors without a callback

  std::mutex posted_mutex_;
  std::vector<Callback> posted_;
  std::vector<Callback> batch_;  // taken out of posted_, of the driving thread
  std::size_t next_ = 0;         // of batch_, to be run
  std::function<void(const char*)> report_;

  std::mutex driver_mutex_;
  wire::TurnLock driver_;
  std::atomic<bool> give_way_ = false;  // somebody claims the loop from its own thread
  std::atomic<bool> quit_ = false;
};

}  // namespace oast::broker
