// Requests that came and have not begun.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>

#include "interrupt_gate.hpp"
#include "oast/fd.hpp"
#include "oast/frames.hpp"
#include "oast/ids.hpp"
#include "wait_queue.hpp"

namespace oast::kernel {

/// A message that the engine has to answer.
struct Request {
  wire::Addressed message;

  std::uint64_t sequence() const { return message.route.sequence; }
  RequestKey key() const { return {message.peer, RequestId{message.packet.root().id()}}; }
};

/// The queue between the threads that receive and the engine's. It keeps the number of the last
/// Eval or Call that came, so that a later one can be cancelled before it comes: control overtakes
/// data.
///
/// Threads: next on the engine's thread, next_query on one, the rest on any.
class Intake {
 public:
  explicit Intake(InterruptGate& gate) : gate_(gate) {}

  /// From now on Complete, Inspect and IsComplete are kept for `next_query`; `waiters` rings when
  /// one comes, and at the end. To be called before anything comes.
  void separate_queries(WaitQueue& waiters) { wake_ = &waiters; }

  /// What becomes of a message that came. Who gets anything but `queued` must answer it.
  enum class Taken : unsigned char { queued, cancelled, overloaded };
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
  std::size_t size() const;
  /// Readable as long as `waiting()`. Throws std::system_error.
  int fd();

  struct Stopped {
    wire::BreakState state = wire::BreakState::nothing;
    std::uint64_t sequence = 0;
    /// What was taken out of the queue; the caller must answer it.
    std::optional<RequestKey> cancelled = std::nullopt;
  };
  /// Interrupts the request of that number, or cancels it, also one that has yet to come.
  Stopped stop(std::uint64_t sequence);
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
  void note_waiting();

  InterruptGate& gate_;
  mutable std::mutex mutex_;
  Waiting queue_;
  Waiting queries_;                              // when they are kept separate
  WaitQueue* wake_ = nullptr;                    // then
  Fd fd_;                                        // once somebody asked for it
  std::uint64_t received_ = 0;                   // the number of the last
  std::unordered_set<std::uint64_t> cancelled_;  // of those to come
  std::atomic<bool> waiting_ = false;            // !queue_.empty() || closed_
  std::atomic<bool> query_waiting_ = false;      // the same of queries_
  std::atomic<bool> closed_ = false;
};

}  // namespace oast::kernel
