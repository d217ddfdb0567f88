// The thread that a busy engine cannot block.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <zmq.hpp>

#include "background_receiver.hpp"
#include "oast/fd.hpp"
#include "oast/wake_fd.hpp"
#include "shared.hpp"

namespace oast::kernel {

/// Owns the control socket: answers heartbeats, takes interrupts, acknowledgements and the order to
/// end. Ends the
/// process when its launcher is gone, which closes stdin, or when its broker is and the launcher
/// does nothing. Takes in what is written to the captured descriptors, and sends output that has
/// waited for a while, both as far as the outbox has room: it never waits for that.
///
/// While requests run it looks after them every few milliseconds; otherwise it sleeps. `attend`
/// wakes it, which costs a system call only after a while in which nothing happened.
class Control {
 public:
  /// What ends the process.
  struct Watched {
    Fd launcher;                      ///< the other end of stdin
    Fd broker;                        ///< a pidfd, or none
    std::chrono::milliseconds grace;  ///< how long the kernel may go on without a broker
  };

  /// Starts the thread, on which `on_interrupt`, unless empty, is called once for each request that
  /// was interrupted.
  Control(Shared& shared, zmq::socket_t socket, Watched watched,
          std::function<void()> on_interrupt);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  /// Something began, or text waits to be sent. Thread-safe, does not block.
  void attend() noexcept;

  /// From now on the data socket is received from also while nothing runs. Thread-safe.
  void always_receive() noexcept;

  /// Ends the thread, and closes the control socket. May be called again. Attending and rescuing
  /// have no effect afterwards.
  void stop();

  /// In a signal handler of the engine's thread, which will not return: lets this thread send what
  /// was printed, and waits for that a moment. Async-signal-safe.
  void rescue_output() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void wait();
  int timeout();
  bool eventful() const;
  bool text_can_leave() const;
  void tick(Clock::time_point now);
  void watch_launcher() const;
  void watch_broker();
  void rescue();

  void handle_messages();
  void handle(const wire::Message& message);
  void answer_ping(const wire::Ping& ping);
  void handle_break(RequestId id, const wire::Break& order);
  Intake::Stopped stop(const wire::Break& order);
  void handle_shutdown();

  Shared& shared_;
  const std::function<void()> on_interrupt_;
  const Watched watched_;
  const wire::WakeFd wake_;

  // Touched by the thread only.
  zmq::socket_t socket_;
  BackgroundReceiver receiver_;
  bool messages_wait_ = true;
  std::optional<Clock::time_point> ends_at_;  // the broker is gone
  Clock::time_point ticked_;
  std::uint64_t told_ = 0;   // interrupted requests that on_interrupt was called for
  std::uint64_t begun_ = 0;  // requests, as of the last tick
  int quiet_ticks_;          // in a row until now
  bool text_waits_ = false;  // as of the last tick
  bool out_open_ = true;     // somebody can still write there
  bool err_open_ = true;

  std::atomic<bool> asleep_ = false;  // polls without a timeout
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> always_receive_ = false;
  enum class Rescue : unsigned char { none, wanted, done };
  std::atomic<Rescue> rescue_ = Rescue::none;
  std::thread thread_;
};

}  // namespace oast::kernel
