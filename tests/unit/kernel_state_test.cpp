#include "kernel_state.hpp"

#include <doctest/doctest.h>

#include <array>
#include <stdexcept>
#include <vector>

using namespace oast;
using oast::broker::KernelEvent;
using oast::broker::KernelLife;
using oast::broker::next_state;
using wire::KernelState;

namespace {

using Next = std::optional<KernelState>;

constexpr std::array kEvents{KernelEvent::registered,
                             KernelEvent::request_dispatched,
                             KernelEvent::last_request_ended,
                             KernelEvent::heartbeat_missed,
                             KernelEvent::pong,
                             KernelEvent::stop_asked,
                             KernelEvent::process_ended};

constexpr auto starting = KernelState::starting;
constexpr auto idle = KernelState::idle;
constexpr auto busy = KernelState::busy;
constexpr auto lost = KernelState::unresponsive;
constexpr auto stopping = KernelState::stopping;
constexpr auto dead = KernelState::dead;

/// PROTOCOL.md, "A kernel as the broker sees it": a line for each state, a column for each of
/// kEvents. `never`: the table does not name it.
constexpr Next never = std::nullopt;
struct Line {
  KernelState state;
  bool working;  // after the event
  std::array<Next, kEvents.size()> next;
};
const std::array kTable{
    Line{starting, false, {idle, never, never, starting, starting, starting, dead}},
    Line{idle, false, {never, idle, idle, lost, idle, stopping, dead}},
    Line{idle, true, {never, busy, busy, lost, busy, stopping, dead}},
    Line{busy, false, {never, idle, idle, lost, idle, stopping, dead}},
    Line{busy, true, {never, busy, busy, lost, busy, stopping, dead}},
    Line{lost, false, {never, lost, lost, lost, idle, stopping, dead}},
    Line{lost, true, {never, lost, lost, lost, busy, stopping, dead}},
    Line{stopping, true, {never, stopping, stopping, stopping, stopping, stopping, dead}},
    Line{dead, false, {never, never, never, never, never, never, never}},
};

/// A kernel to which all this has happened.
KernelLife after(const std::vector<KernelEvent>& events) {
  KernelLife life;
  for (const KernelEvent event : events) life.apply(event);
  return life;
}

}  // namespace

TEST_CASE("Each event in each state does what the protocol's table says") {
  for (const Line& line : kTable)
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      CAPTURE(wire::EnumNameKernelState(line.state));
      CAPTURE(i);
      CHECK(next_state(line.state, kEvents[i], line.working) == line.next[i]);
    }
}

TEST_CASE("A kernel starts, works, is lost and found with its work, stops and dies") {
  KernelLife life;
  CHECK(life == starting);
  CHECK(life.apply(KernelEvent::registered));
  CHECK(life == idle);
  CHECK_FALSE(life.apply(KernelEvent::pong));
  CHECK(life.apply(KernelEvent::request_dispatched));
  CHECK_FALSE(life.apply(KernelEvent::request_dispatched));
  CHECK(life.apply(KernelEvent::heartbeat_missed));
  CHECK(life == lost);
  CHECK(life.apply(KernelEvent::pong));
  CHECK(life == busy);
  CHECK(life.apply(KernelEvent::heartbeat_missed));
  CHECK_FALSE(life.apply(KernelEvent::last_request_ended));
  CHECK(life.apply(KernelEvent::pong));
  CHECK(life == idle);
  CHECK(life.apply(KernelEvent::stop_asked));
  CHECK_FALSE(life.apply(KernelEvent::stop_asked));
  CHECK(life.apply(KernelEvent::process_ended));
  CHECK(life == dead);
}

TEST_CASE("An event that the table does not name is an error and changes nothing") {
  for (const KernelEvent event : kEvents) {
    KernelLife life = after({KernelEvent::process_ended});
    CHECK_THROWS_AS(life.apply(event), std::logic_error);
    CHECK(life == dead);
  }
  KernelLife life = after({KernelEvent::registered, KernelEvent::request_dispatched});
  CHECK_THROWS_AS(life.apply(KernelEvent::registered), std::logic_error);
  CHECK(life == busy);
}
