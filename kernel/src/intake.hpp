// Requests that came and have not begun.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>

#include "lanes.hpp"
#include "oast/fd.hpp"
#include "oast/ids.hpp"
#include "oast/kernel/interrupt_gate.hpp"
#include "oast/kernel/wait_queue.hpp"
#include "request.hpp"

namespace oast::kernel {

/// The queue between the threads that receive and the engine's. It keeps the number of the last
/// Eval or Call that came, so that a later one can be cancelled before it comes: control overtakes
/// data.
///
/// Threads: next on the engine's thread, next_query on one, next_of_lanes on one, the rest on any.
class Intake {
 public:
  /// `waiters` is notified when something comes that is not for the engine's thread.
  Intake(InterruptGate& gate, WaitQueue& waiters) : gate_(gate), waiters_(waiters) {}

  /// From now on Complete, Inspect and IsComplete are kept for `next_query`. To be called before
  /// anything comes.
  void separate_queries() { has_queries_ = true; }
  /// From now on Evals and Calls of lanes other than 0 are kept for `next_of_lanes`; without this
  /// there are no such lanes. To be called before anything comes.
  void separate_lanes() { has_lanes_ = true; }

  static constexpr std::uint64_t kAny = ~std::uint64_t{0};

  /// What becomes of a message that came. Who gets anything but `queued` must answer it.
  enum class Taken : unsigned char { queued, cancelled, overloaded, no_such_lane };
  Taken push(wire::Addressed&& message);
  /// The request of that number came and will never run.
  void refuse(std::uint64_t sequence);

  /// There is something for the engine to do, or it shall leave. Does not block.
  bool waiting() const noexcept { return waiting_; }
  /// The next request, begun at the gate; nothing when none waits, and from `close` on.
  std::optional<Request> next();
  bool query_waiting() const noexcept { return query_waiting_; }
  /// As next, without the gate.
  std::optional<Request> next_query();
  bool lanes_eventful() const noexcept { return lanes_eventful_; }
  /// The next request of a lane other than 0 that is free, which is taken until `end`.
  std::optional<Lanes::Begun> next_of_lanes();
  /// A request that `next_of_lanes` gave was interrupted since this was asked for last.
  bool take_interrupted();
  void end(LaneRun& run);
  std::size_t size() const;
  /// Readable as long as `waiting()`. Throws std::system_error.
  int fd();

  struct Stopped {
    wire::BreakState state = wire::BreakState::nothing;
    std::uint64_t sequence = 0;
    /// What was taken out of the queue; the caller must answer it.
    std::optional<RequestKey> cancelled = std::nullopt;
  };
  /// Interrupts the request of that number, or cancels it, also one that has yet to come. 0:
  /// interrupts whatever runs, unless its number is more than `last`.
  Stopped stop(std::uint64_t sequence, std::uint64_t last = kAny);
  /// The same for a request that came and is neither Eval nor Call.
  Stopped stop(RequestKey key);

  /// Nothing begins any more, and what runs is interrupted.
  void close();
  bool closed() const noexcept { return closed_; }

 private:
  /// What waits, in order; one is taken out in constant or logarithmic time, however many there
  /// are.
  class Waiting {
   public:
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    void push(Request&& request, std::uint64_t received);
    Request pop();
    std::optional<Stopped> take_out(std::uint64_t sequence);
    std::optional<Stopped> take_out(const RequestKey& key);

   private:
    struct Place {
      std::optional<Request> request;  // nothing: taken out
      std::uint64_t received;          // Evals and Calls that had come, this one included
    };
    std::optional<Stopped> take_out(Place& place);
    void note_gone(const Request& request);
    void drop_gaps();

    std::deque<Place> places_;
    std::uint64_t first_ = 0;  // the number of places_.front()
    std::size_t size_ = 0;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> uncounted_;  // key: number
  };
  template <class Key>
  std::optional<Stopped> take_out(const Key& key);
  bool cancelled_before(std::uint64_t sequence);
  Taken push_locked(Request&& request, bool query);
  void note_waiting();

  InterruptGate& gate_;
  WaitQueue& waiters_;
  bool has_queries_ = false;
  bool has_lanes_ = false;
  mutable std::mutex mutex_;
  Waiting queue_;
  Waiting queries_;                              // when they are kept separate
  Lanes lanes_;                                  // other than 0
  Fd fd_;                                        // once somebody asked for it
  std::uint64_t received_ = 0;                   // the number of the last
  std::unordered_set<std::uint64_t> cancelled_;  // of those to come
  std::atomic<bool> waiting_ = false;            // !queue_.empty() || closed_
  std::atomic<bool> query_waiting_ = false;      // the same of queries_
  std::atomic<bool> lanes_eventful_ = false;     // lanes_.eventful() || closed_
  std::atomic<bool> closed_ = false;
};

}  // namespace oast::kernel
