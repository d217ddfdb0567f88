// Requests of lanes other than 0, in the kernel.
#include <doctest/doctest.h>
#include <pthread.h>

#include <cstdint>
#include <memory>

#include "intake.hpp"
#include "lanes.hpp"
#include "oast/codec.hpp"

using namespace oast;
using namespace oast::kernel;

namespace {

wire::Addressed eval_in(std::uint32_t lane, std::uint64_t sequence) {
  wire::EvalT eval;
  eval.lane = lane;
  return {PeerId{1}, wire::pack(RequestId{sequence}, eval), {.sequence = sequence}};
}

struct WaitingLanes {
  InterruptGate gate{::pthread_self(), 0, {}};
  WaitQueue waiters;
  Intake intake{gate, waiters};
};

/// Takes what may begin; its number, 0: nothing may.
std::uint64_t begin(Intake& intake, std::shared_ptr<LaneRun>& run) {
  auto begun = intake.next_of_lanes();
  if (!begun) return 0;
  run = begun->run;
  return begun->request.sequence();
}

}  // namespace

TEST_CASE("a kernel without lanes has no lane but 0") {
  WaitingLanes w;
  CHECK(w.intake.push(eval_in(1, 1)) == Intake::Taken::no_such_lane);
  CHECK(w.intake.push(eval_in(0, 2)) == Intake::Taken::queued);
  CHECK(w.intake.next()->sequence() == 2);
}

TEST_CASE("P2: a lane runs one request at a time, in order, and no lane waits for another") {
  WaitingLanes w;
  w.intake.separate_lanes();
  std::uint64_t sequence = 0;
  for (const std::uint32_t lane : {1U, 1U, 2U, 0U, 1U})
    CHECK(w.intake.push(eval_in(lane, ++sequence)) == Intake::Taken::queued);
  std::shared_ptr<LaneRun> first;
  std::shared_ptr<LaneRun> second;
  CHECK(w.intake.next()->sequence() == 4);
  CHECK(begin(w.intake, first) == 1);
  CHECK(begin(w.intake, second) == 3);
  CHECK_FALSE(w.intake.lanes_eventful());
  CHECK(begin(w.intake, second) == 0);
  w.intake.end(*first);
  CHECK(w.intake.lanes_eventful());
  CHECK(begin(w.intake, first) == 2);
  w.intake.end(*first);
  CHECK(begin(w.intake, first) == 5);
}

TEST_CASE(
    "P10: an interrupt is of the request that it names, told once, and never of a later one") {
  WaitingLanes w;
  w.intake.separate_lanes();
  for (const std::uint64_t sequence : {1, 2, 3})
    w.intake.push(eval_in(static_cast<std::uint32_t>(sequence % 2 + 1), sequence));
  std::shared_ptr<LaneRun> first;
  std::shared_ptr<LaneRun> second;
  CHECK(begin(w.intake, first) == 1);
  CHECK(begin(w.intake, second) == 2);
  CHECK(w.intake.stop(2).state == wire::BreakState::signalled);
  CHECK(w.intake.stop(2).state == wire::BreakState::signalled);
  CHECK(second->interrupted() == 2);
  CHECK(first->interrupted() == 0);
  CHECK(w.intake.take_interrupted());
  CHECK_FALSE(w.intake.take_interrupted());

  CHECK(w.intake.stop(1).state == wire::BreakState::signalled);
  w.intake.end(*first);
  CHECK(w.intake.stop(1).state == wire::BreakState::finished);
  CHECK(first->interrupted() == 0);
}

TEST_CASE("P10: what waits in a lane is cancelled, also before it comes") {
  WaitingLanes w;
  w.intake.separate_lanes();
  w.intake.push(eval_in(1, 1));
  w.intake.push(eval_in(1, 2));
  const auto cancelled = w.intake.stop(2);
  CHECK(cancelled.state == wire::BreakState::cancelled);
  REQUIRE(cancelled.cancelled);
  CHECK(cancelled.cancelled->id == RequestId{2});
  CHECK(w.intake.stop(3).state == wire::BreakState::cancelled);
  CHECK(w.intake.push(eval_in(1, 3)) == Intake::Taken::cancelled);
  CHECK(w.intake.size() == 1);
}

TEST_CASE("P10: whatever runs is what runs in lane 0, or else what has run longest") {
  WaitingLanes w;
  w.intake.separate_lanes();
  for (const std::uint64_t sequence : {1, 2, 3})
    w.intake.push(eval_in(static_cast<std::uint32_t>(3 - sequence), sequence));
  std::shared_ptr<LaneRun> run;
  CHECK(begin(w.intake, run) == 1);
  CHECK(begin(w.intake, run) == 2);
  CHECK(w.intake.stop(0, 0).state == wire::BreakState::nothing);
  CHECK(w.intake.stop(0).sequence == 1);
  CHECK(w.intake.next()->sequence() == 3);
  CHECK(w.intake.stop(0, 2).sequence == 1);
  CHECK(w.intake.stop(0, 3).sequence == 3);
}

TEST_CASE("the end of a kernel interrupts every lane, and nothing begins any more") {
  WaitingLanes w;
  w.intake.separate_lanes();
  for (const std::uint64_t sequence : {1, 2, 3})
    w.intake.push(eval_in(static_cast<std::uint32_t>(sequence), sequence));
  std::shared_ptr<LaneRun> first;
  std::shared_ptr<LaneRun> second;
  CHECK(begin(w.intake, first) == 1);
  CHECK(begin(w.intake, second) == 2);
  w.intake.close();
  CHECK(w.intake.take_interrupted());
  CHECK(first->interrupted() == 1);
  CHECK(second->interrupted() == 1);
  CHECK_FALSE(w.intake.next_of_lanes());
}
