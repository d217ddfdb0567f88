// Requests of lanes other than 0, for an engine that can run several at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "oast/ids.hpp"
#include "request.hpp"

namespace oast::kernel {

/// A request that runs in a lane other than 0, as its thread and those who interrupt it see it.
/// Thread-safe.
class LaneRun {
 public:
  LaneRun(std::uint32_t lane, std::uint64_t sequence) : lane_(lane), sequence_(sequence) {}

  std::uint32_t lane() const noexcept { return lane_; }
  std::uint64_t sequence() const noexcept { return sequence_; }
  void interrupt() noexcept { ++interrupted_; }
  /// How often; 0 once it has ended. Async-signal-safe.
  int interrupted() const noexcept { return ended_ ? 0 : interrupted_.load(); }
  /// As InterruptGate's, on the thread that runs it.
  void raised(int count) noexcept { raised_ = count; }
  bool pending() const noexcept { return interrupted() > raised_; }
  void end() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }

 private:
  const std::uint32_t lane_;
  const std::uint64_t sequence_;
  std::atomic<int> interrupted_ = 0;
  std::atomic<int> raised_ = 0;
  std::atomic<bool> ended_ = false;
};

/// What waits and what runs in each lane, one request at a time in a lane. Not thread-safe.
class Lanes {
 public:
  struct Begun {
    Request request;
    std::shared_ptr<LaneRun> run;
  };

  void push(Request&& request);
  /// Requests that wait.
  std::size_t size() const { return waiting_; }
  /// `next` has something, or `take_interrupted`.
  bool eventful() const { return interrupted_ || ready_; }
  /// Begins the request of a free lane that came first.
  std::optional<Begun> next();
  /// A request that runs was interrupted since this was asked for last. It may have ended.
  bool take_interrupted() { return std::exchange(interrupted_, false); }
  /// It has ended, and the lane is free again.
  void end(LaneRun& run);

  /// False unless the request of that number runs.
  bool interrupt(std::uint64_t sequence);
  /// What has run longest, if its number is not more than `last`: its number.
  std::optional<std::uint64_t> interrupt_any(std::uint64_t last);
  void interrupt_all();
  /// Takes a request out that waits.
  std::optional<RequestKey> take_out(std::uint64_t sequence);

 private:
  struct Lane {
    std::deque<Request> waiting;
    std::shared_ptr<LaneRun> running;
  };
  void interrupt(LaneRun& run);
  void note_ready();

  std::map<std::uint32_t, Lane> lanes_;  // those in use
  bool interrupted_ = false;
  std::size_t waiting_ = 0;
  bool ready_ = false;  // a lane is free and a request waits in it
};

}  // namespace oast::kernel
