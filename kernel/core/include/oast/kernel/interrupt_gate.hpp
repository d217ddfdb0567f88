// Interrupts, and whom they may hit.
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "oast/ids.hpp"
#include "oast/kernel/request_start.hpp"

namespace oast::kernel {

/// Knows what runs on the engine's thread, and lets an interrupt reach that and nothing else: a
/// request is flagged and signalled under one mutex with its beginning and its end, and a signal
/// that arrives late finds no flag.
///
/// Threads: begin and end on the engine's thread, the rest on any.
class InterruptGate {
 public:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::uint64_t sequence = 0;  ///< counts Evals and Calls from 1; 0: neither
    RequestKey key;
    Clock::time_point since;
  };

  /// `signal`, unless 0, goes to the thread `engine`, and SIGINT to the processes that
  /// `find_children`, if there is one, finds, whenever a running request is to be made to stop: at
  /// once and, because a signal can come between a look at the flag and the system call that it
  /// should have ended, again and again until it does.
  using FindChildren = std::function<std::vector<pid_t>(const RequestStart&)>;
  InterruptGate(pthread_t engine, int signal, FindChildren find_children);

  void begin(std::uint64_t sequence, RequestKey key);
  /// No signal of this request is delivered to the thread after this returns.
  void end();

  /// Makes what runs stop, if it is what is meant; returns what was signalled.
  /// `any`: unless its number is more than `last`.
  std::optional<Running> interrupt_any(std::uint64_t last);
  std::optional<Running> interrupt(std::uint64_t sequence);
  std::optional<Running> interrupt(RequestKey key);

  /// To be called every few milliseconds while something runs: signals again when it is time.
  void repeat(Clock::time_point now);

  std::optional<Running> running() const;
  /// How many requests have begun.
  std::uint64_t begun() const noexcept { return begun_; }
  /// How many have been interrupted.
  std::uint64_t hits() const noexcept { return hits_; }

  /// How often what runs was interrupted. Async-signal-safe.
  int interrupted() const noexcept { return interrupted_; }
  /// So many of these the code has been told of: it is signalled again only for a further one. For
  /// languages whose code may catch an interrupt and go on. On the engine's thread;
  /// async-signal-safe.
  void raised(int count) noexcept { raised_ = count; }
  /// There is one that the code has not been told of. Async-signal-safe.
  bool pending() const noexcept { return interrupted_ > raised_; }

 private:
  template <class Matches>
  std::optional<Running> interrupt_if(const Matches& matches);
  void signal_thread() const;
  static void signal_children(const std::vector<pid_t>& children);

  const pthread_t engine_;
  const int signal_;
  const FindChildren find_children_;

  mutable std::mutex mutex_;
  std::optional<Running> running_;
  RequestStarts starts_;
  Clock::time_point thread_signalled_;  // when last
  Clock::time_point children_signalled_;
  std::atomic<std::uint64_t> begun_ = 0;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<int> interrupted_ = 0;  // changed under the mutex
  std::atomic<int> raised_ = 0;
};

}  // namespace oast::kernel
