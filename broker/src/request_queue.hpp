// The open requests of one kernel.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "event_loop.hpp"
#include "oast/codec.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

/// When a request is to have ended: see RequestDeadlines.
struct RequestDeadline {
  std::chrono::milliseconds time{0};  ///< from acceptance
  std::chrono::milliseconds kill{0};  ///< after that; 0: never
  bool passed = false;                ///< while it was dispatched
  EventLoop::Handle timer;
};

/// From acceptance to terminal reply. Every operation on one request takes constant time, however
/// many wait, but for a factor of lanes in use. Invariants: every accepted request is in `open_`
/// until `end` or `end_next` gives it back exactly once; at most `window` of each lane are
/// dispatched; those of a lane are dispatched in the order of acceptance, whatever other lanes do.
class RequestQueue {
 public:
  /// Evals and calls wait for their turn; direct requests (completion, channels) do not.
  enum class Stage : unsigned char { waiting, dispatched, direct };
  struct Open {
    Stage stage = Stage::waiting;
    wire::Reply reply = wire::Reply::value;
    std::uint32_t lane = 0;      ///< of those that are not direct
    std::size_t bytes = 0;       ///< that count for the kernel until it has ended
    std::uint64_t sequence = 0;  ///< dispatched: its number, counting from 1
    std::uint64_t place = 0;     ///< waiting: its number among all that ever waited in its lane
    bool keep = false;           ///< goes on when its host leaves
    std::uint32_t asks = 0;      ///< for input, that its host has not answered
    std::uint64_t asked = 0;     ///< the record of the last of them; 0: none is open
    std::unique_ptr<RequestDeadline> deadline = {};  ///< nullptr: it has none
  };

  RequestQueue(std::size_t window, std::size_t max_bytes) : window_(window), max_bytes_(max_bytes) {
    lanes_.try_emplace(0);
  }

  /// Lanes that may be in use at once, 0 always being one of them.
  static constexpr std::size_t kMostLanes = 64;

  /// `full`: too many bytes are open; `crowded`: too many lanes.
  enum class Accepted : unsigned char { yes, duplicate, full, crowded };
  /// Takes over `packet` if accepted.
  Accepted accept(RequestKey key, wire::Reply reply, wire::Packet& packet, std::uint32_t lane = 0,
                  bool keep = false);
  Accepted accept_direct(RequestKey key, std::size_t bytes);

  struct Dispatch {
    RequestKey key;
    wire::Packet packet;
    std::uint64_t sequence = 0;
  };
  /// The next request to send to the kernel, if the window of its lane has room.
  std::optional<Dispatch> dispatch();

  /// nullptr when it is not open.
  const Open* find(RequestKey key) const;
  Open* find(RequestKey key);
  /// Ends it, wherever it is; what it was, or nothing.
  std::optional<Open> end(RequestKey key);
  /// Ends one request, in the order of its lane, the direct ones last; nothing when none is open.
  std::optional<std::pair<RequestKey, Open>> end_next();
  /// Nothing of this host is dispatched any more, but for what needs no answer.
  void host_left(PeerId host);
  /// Ends some of what hosts that left still have waiting or direct here, looking at `most`; false
  /// when there is nothing left to look at. More can be dispatched then.
  bool end_some_of_left(std::size_t most);

  /// The open request that runs, as far as the broker can know: the oldest dispatched, of lane 0 if
  /// there is one.
  std::optional<RequestKey> running() const;
  /// The key of a dispatched, open request.
  std::optional<RequestKey> by_sequence(std::uint64_t sequence) const;
  bool any_open() const { return !open_.empty(); }
  std::size_t waiting() const { return waiting_count_; }
  /// Of all that is open.
  std::size_t bytes() const { return bytes_; }
  std::size_t dispatched() const { return dispatched_count_; }
  /// The number of the last that was dispatched; 0: none was.
  std::uint64_t last_sequence() const { return last_sequence_; }

 private:
  struct Waiting {
    RequestKey key;
    Open* open;  ///< in open_; nullptr: it has ended
    wire::Packet packet;
  };

  struct Dispatched {
    std::uint64_t sequence;
    RequestKey key;
  };
  struct Lane {
    std::deque<Waiting> waiting;
    std::uint64_t first_place = 0;      // of waiting.front()
    std::deque<Dispatched> dispatched;  // at most the window
    bool idle() const { return waiting.empty() && dispatched.empty(); }
  };
  using Lanes = std::map<std::uint32_t, Lane>;

  bool room_for(std::size_t bytes) const { return bytes_ == 0 || bytes_ + bytes <= max_bytes_; }
  void mark_cancelled(Waiting& place);
  static std::deque<Dispatched>::iterator find_dispatched(Lane& lane, std::uint64_t sequence);
  std::optional<RequestKey> oldest_dispatched() const;
  static void drop_cancelled(Lane& lane);
  std::optional<Dispatch> dispatch_of(Lane& lane);
  void drop_if_idle(std::uint32_t lane);

  const std::size_t window_;
  const std::size_t max_bytes_;
  std::unordered_map<RequestKey, Open> open_;
  Lanes lanes_;                       // 0, and those in use
  std::size_t waiting_count_ = 0;     // of all lanes, without the cancelled
  std::size_t bytes_ = 0;             // of open_
  std::size_t dispatched_count_ = 0;  // of all lanes
  std::uint64_t last_sequence_ = 0;
  std::set<RequestKey> direct_;  // of open_

  /// A host that left, and which places in a lane are still to be looked at.
  struct Left {
    PeerId host;
    std::uint32_t lane;
    std::uint64_t next;
    std::uint64_t end;
  };
  bool dropped(RequestKey key) const;
  std::deque<Left> left_;
};

}  // namespace oast::broker
