// The states of a kernel, and what moves between them.
#pragma once

#include <optional>

#include "oast/codec.hpp"

namespace oast::broker {

/// What happens to a kernel, as far as its state depends on it.
enum class KernelEvent : unsigned char {
  registered,          ///< it joined data
  request_dispatched,  ///< one or more are dispatched
  last_request_ended,  ///< none is dispatched any more
  heartbeat_missed,    ///< so many that it counts as lost
  pong,
  stop_asked,     ///< Stop, its owner left, the broker ends
  process_ended,  ///< and its last data was received
};

/// The table of PROTOCOL.md, "A kernel as the broker sees it". `working`: requests are dispatched.
/// Nothing for what the table does not name, which cannot happen.
std::optional<wire::KernelState> next_state(wire::KernelState state, KernelEvent event,
                                            bool working);

/// The state of one kernel; only events change it.
class KernelLife {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): it is read as what it holds
  operator wire::KernelState() const { return state_; }
  /// Whether the state is another now. Throws std::logic_error, and changes nothing, for an event
  /// that the table does not name.
  bool apply(KernelEvent event);

 private:
  wire::KernelState state_ = wire::KernelState::starting;
  bool working_ = false;
};

}  // namespace oast::broker
