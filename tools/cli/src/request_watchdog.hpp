// Ends a request when somebody wants it to end.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "execution.hpp"
#include "request_streams.hpp"

namespace oast::cli {

/// Watches signals, the deadline and our output while a request runs, on a thread of its own, so
/// that neither a slow reader nor a kernel that does not answer keeps a Ctrl-C waiting.
///
/// The first reason to end asks: the request is interrupted. If it goes on, the next one forces, or
/// the time does unless a person is there to decide: our own kernel is killed, somebody else's is
/// left alone and the request abandoned.
class RequestWatchdog {
 public:
  using Seconds = std::chrono::duration<double>;

  /// All arguments must outlive it. The deadline counts from now.
  RequestWatchdog(Worker& worker, bool own, SignalReader& signals, const Future<Value>& future,
                  RequestStreams& streams, std::optional<Seconds> timeout);
  ~RequestWatchdog() { leave(); }
  RequestWatchdog(const RequestWatchdog&) = delete;
  RequestWatchdog& operator=(const RequestWatchdog&) = delete;

  /// Stops watching: the request is over. May be called again.
  void leave();
  /// The request was told to end, but goes on; do not wait for it.
  bool abandoned() const { return abandoned_.load(std::memory_order_acquire); }

  /// What happened. Precondition: `leave` was called.
  Cut cut() const { return cut_; }
  int signal() const { return signal_; }
  bool killed() const { return killed_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage : unsigned char { running, asked, forced };

  void run();
  /// Milliseconds until `wake_`, -1 without.
  int patience() const;
  void on_signal(int signal);
  void on_deadline();
  void ask(Cut cut, Clock::duration patience);
  void force();
  /// Whether our own kernel had to be killed for the request to end.
  bool kill();

  Worker& worker_;
  const bool own_;
  SignalReader& signals_;
  const Future<Value>& future_;
  RequestStreams& streams_;

  Stage stage_ = Stage::running;
  std::optional<Clock::time_point> wake_;
  bool force_at_wake_ = false;
  Cut cut_ = Cut::none;
  int signal_ = 0;
  bool killed_ = false;
  std::atomic<bool> abandoned_{false};
  WakeEvent over_;
  std::thread thread_;
};

}  // namespace oast::cli
