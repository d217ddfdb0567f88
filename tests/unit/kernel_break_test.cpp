// P10 in a whole kernel process: interrupts, cancellations and their races.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "kernel_driver.hpp"
#include "toy_kernel.hpp"
#include "unreadable.hpp"

namespace oast::test {

namespace {

using State = wire::BreakState;

}  // namespace

TEST_CASE("P10: an interrupt ends whatever the engine does, and the next request is answered") {
  KernelDriver hub(kToy);
  hub.run("channel 1");
  hub.run("put 1 5");
  std::uint64_t sequence = 2;
  for (const std::string code : {"spin", "read", "sleep 600000", "ask for ever", "put 1 6",
                                 "system sleep 1000", "flood 1000000000000"}) {
    CAPTURE(code);
    const auto id = hub.eval(code + "\nspin");
    hub.until_running(id);
    const auto reply = hub.interrupt(++sequence);
    CHECK(reply.state == State::signalled);
    CHECK(reply.sequence == sequence);
    CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
    CHECK(hub.run("echo next").value() == Value("next"));
    ++sequence;
  }
  CHECK(hub.run("take 1").value() == Value(5));  // the interrupted put left nothing
  CHECK_FALSE(hub.run("ready 1").value().as<bool>());
}

TEST_CASE("P10: the outcome is told: signalled, cancelled, finished, or nothing runs") {
  KernelDriver hub(kToy);
  CHECK(hub.interrupt(0).state == State::nothing);
  const auto first = hub.eval("spin");
  const auto second = hub.eval("echo second");
  const auto third = hub.eval("echo third");
  hub.until_running(first);
  CHECK(hub.interrupt(2).state == State::cancelled);
  const auto cancelled = hub.await(second).failure();
  CHECK(cancelled.kind == FailureKind::interrupted);
  CHECK(cancelled.message == "cancelled while queued");
  CHECK(hub.interrupt(2).state == State::finished);
  const auto running = hub.interrupt(0);
  CHECK(running.state == State::signalled);
  CHECK(running.sequence == 1);
  CHECK(hub.await(first).failure().kind == FailureKind::interrupted);
  CHECK(hub.await(third).value() == Value("third"));
  CHECK(hub.interrupt(1).state == State::finished);
  CHECK(hub.interrupt(3).state == State::finished);
  CHECK(hub.interrupt(4).state == State::cancelled);  // before it is sent
  CHECK(hub.run("echo fourth").failure().kind == FailureKind::interrupted);
  CHECK(hub.run("echo fifth").value() == Value("fifth"));
}

TEST_CASE("P10: requests that the kernel cannot read end, and shift no interrupt to another") {
  KernelDriver hub(kToy);
  const RequestId later{1001};
  hub.send_packet(of_later_version(wire::pack(later, wire::EvalT{})));
  const auto unreadable = hub.send(unreadable_eval());
  CHECK(hub.await(later).failure().kind == FailureKind::unimplemented);
  CHECK(hub.await(unreadable).failure().kind == FailureKind::invalid);
  const auto running = hub.eval("spin");
  const auto queued = hub.eval("echo queued");
  hub.until_running(running);
  CHECK(hub.interrupt(2).state == State::finished);
  CHECK(hub.interrupt(3).state == State::signalled);
  CHECK(hub.await(running).failure().kind == FailureKind::interrupted);
  CHECK(hub.await(queued).value() == Value("queued"));
}

TEST_CASE("P1: an answer to a request for input that the kernel cannot read is the end of input") {
  KernelDriver hub(kToy);
  const auto reading = hub.eval("ask for ever");
  static_cast<void>(hub.next(reading));
  auto reply = wire::pack(reading, wire::InputReplyT{});
  reply.buffers.resize(wire::Limits{}.buffer_count + 1);
  hub.send_packet(std::move(reply));
  CHECK(hub.await(reading).is_result());
}

TEST_CASE("P10: a parked channel operation and a queued completion can be ended") {
  KernelDriver hub(kToy);
  hub.run("channel 1");
  wire::ChannelTakeT take;
  take.channel = 1;
  const auto taken = hub.send(take);
  const auto busy = hub.eval("spin");
  hub.until_running(busy);
  const auto completion = hub.send(wire::CompleteT{});
  while (hub.ping().usage->queued == 0) {
  }
  for (const auto id : {taken, completion}) {
    wire::BreakT order;
    order.host = KernelDriver::kHost.value + 1;
    order.request = id.value;
    CHECK(hub.interrupt(order).state == State::finished);
    order.host = KernelDriver::kHost.value;
    CHECK(hub.interrupt(order).state == State::cancelled);
    CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
    CHECK(hub.interrupt(order).state == State::finished);
  }
  wire::BreakT order;
  order.host = KernelDriver::kHost.value;
  order.request = busy.value;
  CHECK(hub.interrupt(order).state == State::signalled);
  CHECK(hub.await(busy).failure().kind == FailureKind::interrupted);
  hub.run("put 1 5");
  CHECK(hub.run("ready 1").value() == Value(true));  // the ended take swallows nothing
}

TEST_CASE("P10: a thousand interrupts of a loop, and the kernel answers after each") {
  KernelDriver hub(kToy);
  for (std::uint64_t sequence = 1; sequence < 2000; sequence += 2) {
    const auto id = hub.eval("spin");
    const auto state = hub.interrupt(sequence).state;
    CHECK((state == State::signalled || state == State::cancelled));
    CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
    CHECK(hub.run("echo next").value() == Value("next"));
  }
}

TEST_CASE("P10: of ten thousand racing requests only those are interrupted that were meant") {
  KernelDriver hub(kToy);
  constexpr std::uint64_t kRequests = 10'000;
  constexpr std::uint64_t kBatch = 50;
  int interrupted = 0;
  int survived = 0;
  for (std::uint64_t base = 0; base < kRequests; base += kBatch) {
    std::map<std::uint64_t, RequestId> requests;
    for (std::uint64_t i = 1; i <= kBatch; ++i) requests[base + i] = hub.eval("tick 20");
    std::map<std::uint64_t, State> states;
    for (std::uint64_t i = 3; i <= kBatch; i += 3) states[base + i] = hub.interrupt(base + i).state;
    for (const auto& request : requests) {
      const std::uint64_t sequence = request.first;
      CAPTURE(sequence);
      auto answer = hub.await(request.second);
      const auto state = states.find(sequence);
      if (answer.is_result()) {
        const bool named = state != states.end();
        CHECK_FALSE((named && state->second == State::cancelled));
        // A signal may come after the code's last look at it: then the code saw it, and ended as it
        // was.
        const bool signalled = named && state->second == State::signalled;
        CHECK((answer.value() == Value("tick") || (signalled && answer.value() == Value("late"))));
        ++survived;
      } else {
        CHECK(answer.failure().kind == FailureKind::interrupted);
        REQUIRE(state != states.end());
        CHECK(state->second != State::finished);
        ++interrupted;
      }
    }
  }
  CHECK(interrupted + survived == kRequests);
  CHECK(interrupted > 0);
  CHECK(survived >= static_cast<int>(kRequests) * 2 / 3);
}

}  // namespace oast::test
