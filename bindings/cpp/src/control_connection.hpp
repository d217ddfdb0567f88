// The control connection of a host.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/frames.hpp"
#include "oast/wake_fd.hpp"

namespace oast::detail {

/// Owns the control socket on a thread of its own: answers heartbeats, sends what other threads ask
/// it to, and notices when the broker is gone.
///
/// Threads: `send` and `after` may be called from any thread and do not block. The handlers are
/// called on its own thread.
class ControlConnection {
 public:
  using Clock = std::chrono::steady_clock;

  /// Gives another socket when the connection is gone, which may take its time, or nothing when
  /// there will be none, and why.
  using Redial = std::function<std::optional<zmq::socket_t>(std::string& why)>;

  struct Options {
    /// No message for so long, and the broker counts as gone. 0: it lives as long as we do.
    std::chrono::milliseconds silence{0};
    /// Gets every message but Ping.
    std::function<void(wire::Addressed&&)> on_message;
    /// Gets what cannot be read.
    std::function<void(const wire::Refused&)> on_refused;
    /// Called after something was sent, if given.
    std::function<void()> on_sent;
    /// Called once, after which nothing is sent or received.
    std::function<void(const std::string& why)> on_lost;
    /// If given, asked before that.
    Redial redial = {};
  };

  ControlConnection(zmq::context_t& context, zmq::socket_t socket, Options options);
  ~ControlConnection() { finish(); }
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  /// Starts the thread. Nothing is received before.
  void start();
  /// To the broker, in the order of the calls.
  void send(wire::Packet packet);
  /// Throws away what was not sent yet.
  void drop_unsent();
  /// Runs `task` on its own thread when the time is over; never, if the connection ends before.
  void after(std::chrono::milliseconds time, std::function<void()> task);
  /// Counts as gone from now on. Does not block.
  void break_off();
  /// Says Goodbye, also to the session if it is `for_good`, after all that was to be sent, and ends
  /// the thread. Blocks. May be called again, but not by two threads at once nor on its own thread.
  void finish(bool for_good = false);

 private:
  struct Timer {
    Clock::time_point due;
    std::function<void()> task;
  };

  void run();
  void serve();
  void close_sockets();
  bool go_on();
  void transmit();
  void send_now(wire::Packet&& packet);
  void run_timers();
  void count_silence();
  std::chrono::milliseconds slice() const;
  void receive_all();
  void pong(const wire::Ping& ping);
  bool is_broken();
  void sleep();
  void lose(const std::string& why);

  zmq::context_t& context_;
  // Touched by the thread only, once it runs.
  zmq::socket_t socket_;
  zmq::socket_t monitor_;  // says when the connection breaks; not open when that cannot happen
  const Options options_;
  Clock::time_point looked_ = Clock::now();
  std::chrono::nanoseconds unheard_{0};  // how long we ran since the broker was heard
  bool lost_ = false;
  std::string why_;  // it is lost

  const wire::WakeFd wake_;
  std::mutex mutex_;
  std::vector<wire::Packet> outbox_;  // guarded by mutex_
  std::vector<Timer> timers_;         // guarded by mutex_
  std::atomic<bool> finishing_{false};
  std::atomic<bool> for_good_{false};
  std::atomic<bool> break_off_{false};
  std::thread thread_;
};

}  // namespace oast::detail
