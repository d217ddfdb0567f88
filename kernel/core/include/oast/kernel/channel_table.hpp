// The channels of one kernel, or of an engine in this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast::kernel {

/// Bounded queues of values. Puts and takes that cannot be done yet are *parked* here, first come
/// first served, and nobody's thread waits for them.
///
/// A closed channel gives what it still holds; once that is gone it is forgotten, and what asks for
/// it then fails with not_found, as for a channel that never was.
///
/// Thread-safe. A `Done` is called exactly once, on the thread that completes the operation, with
/// no lock held, or never when the operation was taken out.
class ChannelTable {
 public:
  using Outcome = std::variant<Value, Failure>;
  using Done = std::function<void(Outcome)>;

  /// Capacity 0 counts as 1.
  ChannelId make(std::size_t capacity);

  /// Done with nil when there was room.
  void put(ChannelId id, RequestKey key, Value value, Done done);
  /// The same with a value that a take got for nobody: it is the next, and there is always room.
  void put_back(ChannelId id, Value value, Done done);
  /// Done with the value.
  void take(ChannelId id, RequestKey key, Done done);
  /// Holds the channel a value? A failure when it is unknown.
  Outcome ready(ChannelId id) const;
  /// Nil, or a failure when it is unknown; fails parked puts, and takes that wait for nothing now.
  Outcome close(ChannelId id);

  /// Takes the parked operation out; false when there is none.
  bool cancel(RequestKey key);
  /// The same for all that the host has parked.
  void cancel_all(PeerId host);
  /// Fails all that is parked, and everything from now on.
  void end(const Failure& failure);
  /// Was there ever a channel of that number?
  bool existed(ChannelId id) const;

  // What an engine is told, as Services has it: of a channel that was closed no failure. They throw
  // the failure.
  /// Of a put.
  static void check(Outcome outcome);
  /// Of a take: nothing when the channel was closed.
  std::optional<Value> taken(ChannelId id, Outcome outcome) const;
  bool has_value(ChannelId id) const;
  void close_once(ChannelId id);

 private:
  struct Parked {
    RequestKey key;
    Value value;  // of a put
    Done done;
  };
  struct Channel {
    std::size_t capacity = 1;
    bool closed = false;
    std::deque<Value> values;    // at most `capacity`, and what was put back
    std::deque<Parked> putters;  // empty unless `values` is full
    std::deque<Parked> takers;   // empty unless `values` is empty
  };
  struct Completion {
    Done done;
    Outcome outcome;
  };
  using Completions = std::vector<Completion>;

  /// What there is to say of it when it is not there.
  Failure unknown(ChannelId id) const;
  void put_locked(ChannelId id, Parked putter, Completions& completed);
  void take_locked(ChannelId id, Parked taker, Completions& completed);
  static void finish(Completions completed);

  mutable std::mutex mutex_;
  std::uint64_t made_ = 0;
  std::optional<Failure> ended_;
  std::unordered_map<ChannelId, Channel> channels_;
};

}  // namespace oast::kernel
