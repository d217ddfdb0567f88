// Channels of an engine in this process.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "oast/error.hpp"
#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast::detail {

/// Bounded queues, and the puts and takes that wait at them, first come first served. Thread-safe;
/// no function blocks. Answers are called without the lock, on the thread that made them possible.
class LocalChannels {
 public:
  /// What came of an operation: a value (nil for a put), or why not.
  struct Outcome {
    Value value;
    std::optional<Failure> failure;
  };
  using Answer = std::function<void(Outcome)>;
  /// Names an operation that may wait, for `cancel`. Never given again.
  using Ticket = std::uint64_t;

  ChannelId make(std::size_t capacity);
  Ticket put(ChannelId channel, Value value, Answer answer);
  /// With a value that a take got for nobody: it is the next, and there is always room.
  void put_back(ChannelId channel, Value value, const Answer& answer);
  Ticket take(ChannelId channel, Answer answer);
  /// Does it hold a value? Throws Error(not_found) for an unknown channel and for one that is
  /// closed and empty.
  bool ready(ChannelId channel) const;
  /// Throws Error(not_found) for an unknown channel.
  void close(ChannelId channel);
  /// Ends an operation that still waits with `failure`; says whether it did.
  bool cancel(Ticket ticket, const Failure& failure);
  /// Ends all that wait, and everything from now on.
  void end(const Failure& failure);

 private:
  struct Waiting {
    Ticket ticket;
    Value value;  // of a put
    Answer answer;
  };
  struct Channel {
    std::size_t capacity;
    bool closed = false;
    std::deque<Value> held;
    std::deque<Waiting> putters;  // not empty only when full
    std::deque<Waiting> takers;   // not empty only when empty
  };
  struct Due {
    Answer answer;
    Outcome outcome;
  };
  using Dues = std::vector<Due>;

  /// Says what ends an operation before it begins, or nothing.
  std::optional<Failure> refuse(ChannelId id) const;
  static void settle(Channel& channel, Dues& dues);
  static void run(Dues& dues);

  mutable std::mutex mutex_;
  std::unordered_map<ChannelId, Channel> channels_;
  std::uint64_t last_id_ = 0;
  Ticket last_ticket_ = 0;
  std::optional<Failure> ended_;
};

}  // namespace oast::detail
