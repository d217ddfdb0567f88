// The bridge's only loop: it owns the sockets and all state, and never blocks.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>
#include <zmq.hpp>

#include "wake_event.hpp"

namespace oast::jupyter {

using Callback = std::function<void()>;

/// By which other threads give the loop something to do. A handle: copies share it, and may outlive
/// the loop, which then runs nothing. Thread-safe.
class Poster {
 public:
  Poster() : queue_(std::make_shared<Queue>()) {}
  /// `callback` runs on the loop's thread, in the order of the posts. Does not block.
  void post(Callback callback) const;

 private:
  friend class EventLoop;
  struct Queue {
    std::mutex mutex;
    std::vector<Callback> callbacks;
    cli::WakeEvent wake;
  };
  std::shared_ptr<Queue> queue_;
};

/// All but `poster().post` is for the loop's thread. What a callback throws is told on
/// stderr, and the loop goes on.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;

  const Poster& poster() const { return poster_; }
  /// `readable` is called while there is something to read, again and again. It must read, and
  /// should come back soon.
  void watch(zmq::socket_t& socket, Callback readable);
  void watch(int fd, Callback readable);
  /// Called once, not before `delay` has gone.
  void after(std::chrono::milliseconds delay, Callback callback);
  /// Called at the end of each turn, before the loop waits again.
  void at_turn_end(Callback callback) { turn_end_ = std::move(callback); }

  /// Blocks until `end`.
  void run();
  void end() { ended_ = true; }

 private:
  void turn();
  void run_posted();
  void run_due();

  Poster poster_;
  std::vector<zmq::pollitem_t> items_;
  std::vector<Callback> readable_;
  std::multimap<Clock::time_point, Callback> timers_;
  Callback turn_end_;
  bool ended_ = false;
};

}  // namespace oast::jupyter
