#include "kernel_state.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace oast::broker {

using wire::KernelState;

namespace {

using Next = std::optional<KernelState>;

Next from_starting(KernelEvent event) {
  switch (event) {
    case KernelEvent::registered:
      return KernelState::idle;
    case KernelEvent::heartbeat_missed:
    case KernelEvent::pong:
    case KernelEvent::stop_asked:  // it is killed
      return KernelState::starting;
    case KernelEvent::process_ended:
      return KernelState::dead;
    default:
      return std::nullopt;
  }
}

/// Idle, busy and unresponsive.
Next from_serving(KernelState state, KernelEvent event, bool working) {
  const auto answering = working ? KernelState::busy : KernelState::idle;
  switch (event) {
    case KernelEvent::request_dispatched:
    case KernelEvent::last_request_ended:
      return state == KernelState::unresponsive ? state : answering;
    case KernelEvent::pong:
      return answering;
    case KernelEvent::heartbeat_missed:
      return KernelState::unresponsive;
    case KernelEvent::stop_asked:
      return KernelState::stopping;
    case KernelEvent::process_ended:
      return KernelState::dead;
    default:
      return std::nullopt;
  }
}

Next from_stopping(KernelEvent event) {
  if (event == KernelEvent::registered) return std::nullopt;
  return event == KernelEvent::process_ended ? KernelState::dead : KernelState::stopping;
}

}  // namespace

std::optional<KernelState> next_state(KernelState state, KernelEvent event, bool working) {
  switch (state) {
    case KernelState::starting:
      return from_starting(event);
    case KernelState::idle:
    case KernelState::busy:
    case KernelState::unresponsive:
      return from_serving(state, event, working);
    case KernelState::stopping:
      return from_stopping(event);
    case KernelState::dead:
      break;
  }
  return std::nullopt;
}

bool KernelLife::apply(KernelEvent event) {
  bool working = working_;
  if (event == KernelEvent::request_dispatched) working = true;
  if (event == KernelEvent::last_request_ended) working = false;
  const auto next = next_state(state_, event, working);
  if (!next)
    throw std::logic_error(std::string("event ") + std::to_string(static_cast<int>(event)) +
                           " of a kernel that is " + wire::EnumNameKernelState(state_));
  working_ = working;
  return std::exchange(state_, *next) != *next;
}

}  // namespace oast::broker
