// Requests with a deadline, and interrupts of requests by their ids: a real Lua kernel, and a clock
// that stands still until the test moves it.
#include <memory>
#include <string>

#include "broker_fixture.hpp"
#include "raw_kernel.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kLoop = "print('begun') while true do end";

/// A broker, one host and its kernel, which has `window` requests at most. Without `time`, time
/// goes on by itself.
struct Fixture {
  explicit Fixture(std::size_t window = 256,
                   std::shared_ptr<ManualClock> time = std::make_shared<ManualClock>())
      : clock(std::move(time)),
        f({}, clock, [&](broker::Options& options) { options.dispatch_window = window; }),
        host(f.host()) {
    wire::StartT start;
    start.spec = "lua";
    send(host.control, PeerId{}, 1, start);
    const auto started = next_answer(host.control);
    REQUIRE(started.packet.root().body_as_Kernel() != nullptr);
    kernel = PeerId{started.packet.root().body_as_Kernel()->info()->id()};
  }

  void eval(std::uint64_t id, const std::string& code, std::chrono::milliseconds timeout = 0ms,
            std::chrono::milliseconds kill = 0ms) {
    wire::EvalT message;
    message.code = code;
    message.timeout_ms = static_cast<std::uint64_t>(timeout.count());
    message.kill_ms = static_cast<std::uint64_t>(kill.count());
    send(host.data, kernel, id, message);
  }
  /// The next output is this request's.
  void await_output(std::uint64_t id) {
    const auto got = next(host.data);
    REQUIRE(got.packet.root().body_as_Output() != nullptr);
    CHECK(got.packet.root().id() == id);
  }
  /// The next message that is no output ends this request.
  wire::Addressed await_end(std::uint64_t id) {
    for (;;) {
      auto got = next(host.data);
      if (got.packet.root().body_as_Output() != nullptr) continue;
      CHECK(got.packet.root().id() == id);
      return got;
    }
  }
  Failure await_failure(std::uint64_t id) {
    const auto got = await_end(id);
    const auto* failed = got.packet.root().body_as_Failure();
    REQUIRE(failed != nullptr);
    return wire::read(*failed);
  }
  std::int64_t await_integer(std::uint64_t id) {
    const auto got = await_end(id);
    const auto* result = got.packet.root().body_as_Result();
    REQUIRE(result != nullptr);
    return result->value()->integer();
  }
  wire::InterruptOutcome interrupt(std::uint64_t request) {
    wire::InterruptT message;
    message.kernel = kernel.value;
    message.request = request;
    send(host.control, PeerId{}, ++last_interrupt, message);
    const auto got = next_answer(host.control);
    const auto* answer = got.packet.root().body_as_Interrupted();
    REQUIRE(answer != nullptr);
    CHECK(answer->request() == request);
    return answer->outcome();
  }
  /// Something comes soon.
  bool readable() {
    zmq::pollitem_t item{host.data.handle(), 0, ZMQ_POLLIN, 0};
    return zmq::poll(&item, 1, 50ms) > 0;
  }
  /// All that was sent so far has been received by the broker.
  void await_received() {
    send(host.data, PeerId{777}, 777, wire::EvalT{});
    CHECK(await_failure(777).kind == oast::FailureKind::not_found);
  }

  std::shared_ptr<ManualClock> clock;
  BrokerFixture f;
  wire::Connection host;
  PeerId kernel;
  std::uint64_t last_interrupt = 100;
};

}  // namespace

TEST_CASE("A request that runs beyond its deadline is interrupted and fails with timeout") {
  Fixture f;
  f.eval(5, kLoop, 2000ms);
  f.await_output(5);
  f.clock->advance(1999ms);
  CHECK(f.interrupt(6) == wire::InterruptOutcome::already_finished);  // the broker had its turn
  f.eval(6, "return 6");
  f.clock->advance(1ms);
  const Failure why = f.await_failure(5);
  CHECK(why.kind == oast::FailureKind::timeout);
  CHECK(why.message == "the request did not end within 2 s");
  CHECK(f.await_integer(6) == 6);
}

TEST_CASE("A request that waits at the broker beyond its deadline never begins") {
  Fixture f(1);
  f.eval(5, kLoop);
  f.eval(6, "ran = true", 1500ms);
  f.eval(7, "return ran and 1 or 0");
  f.await_output(5);
  f.await_received();
  f.clock->advance(1500ms);
  const Failure why = f.await_failure(6);
  CHECK(why.kind == oast::FailureKind::timeout);
  CHECK(why.message == "the request did not end within 1500 ms; it had not begun");
  CHECK(f.interrupt(5) == wire::InterruptOutcome::interrupted);
  CHECK(f.await_failure(5).kind == oast::FailureKind::interrupted);
  CHECK(f.await_integer(7) == 0);
}

TEST_CASE("A request whose deadline passes in the kernel's queue leaves alone what runs") {
  Fixture f;
  f.eval(5, kLoop);
  f.eval(6, "ran = true", 1000ms);
  f.await_output(5);
  f.await_received();
  f.clock->advance(1000ms);
  CHECK(f.await_failure(6).kind == oast::FailureKind::timeout);
  CHECK(f.interrupt(5) == wire::InterruptOutcome::interrupted);
  CHECK(f.await_failure(5).kind == oast::FailureKind::interrupted);
  f.eval(7, "return ran and 1 or 0");
  CHECK(f.await_integer(7) == 0);
}

TEST_CASE("What a kernel answers to the Break at a deadline: a Result counts, a Failure does not") {
  BrokerFixture f({RawKernel::spec()});
  auto host = f.host();
  RawKernel kernel(f, host);
  zmq::socket_t& control = kernel.connection->control;
  zmq::socket_t& data = kernel.connection->data;
  const auto run_to_deadline = [&](std::uint64_t id, std::uint64_t sequence) {
    wire::EvalT eval;
    eval.timeout_ms = 50;
    send(host.data, kernel.connection->self, id, eval);
    CHECK(next(data).packet.root().id() == id);
    const auto asked = next_answer(control);
    const auto* order = asked.packet.root().body_as_Break();
    REQUIRE(order != nullptr);
    CHECK(order->sequence() == sequence);
    wire::BreakReplyT said;
    said.state = wire::BreakState::signalled;
    said.sequence = sequence;
    send(control, PeerId{}, asked.packet.root().id(), said);
  };

  run_to_deadline(5, 1);
  wire::ResultT result;
  result.value = std::make_unique<wire::ValueT>();
  kernel.say(host.self, 5, result);
  CHECK(next(host.data).packet.root().body_as_Result() != nullptr);

  run_to_deadline(6, 2);
  const Failure own{oast::FailureKind::remote_exception, "its own", "Error", {"line 1"}, {}};
  auto packet = wire::pack(RequestId{6}, own, 2);
  REQUIRE(wire::send(data, host.self, packet));
  const auto got = next(host.data);
  CHECK(got.packet.root().id() == 6);
  CHECK(got.packet.root().number() == 2);
  REQUIRE(got.packet.root().body_as_Failure() != nullptr);
  const Failure why = wire::read(*got.packet.root().body_as_Failure());
  CHECK(why.kind == oast::FailureKind::timeout);
  CHECK(why.message ==
        "the request did not end within 50 ms; when it was interrupted it failed: its own");
  CHECK(why.traceback == own.traceback);

  kernel.connection.reset();  // it would not end when asked
}

TEST_CASE("P10: a deadline ends with its request and hits no later one, not even of the same id") {
  Fixture f;
  f.eval(5, "return 1", 1000ms, 1000ms);
  CHECK(f.await_integer(5) == 1);
  f.eval(5, kLoop);
  f.await_output(5);
  f.clock->advance(1500ms);
  f.clock->advance(1500ms);
  CHECK(f.interrupt(5) == wire::InterruptOutcome::interrupted);
  CHECK(f.await_failure(5).kind == oast::FailureKind::interrupted);
}

TEST_CASE("P9: a request that withstands its deadline takes its kernel along, which explains it") {
  Fixture f;
  // A finalizer lets no interrupt in.
  f.eval(5,
         "setmetatable({}, {__gc = function() print('begun') while true do end end}) "
         "collectgarbage()",
         1000ms, 2000ms);
  f.eval(6, "return 6");
  f.await_output(5);
  f.await_received();
  f.clock->advance(1000ms);
  // Once the deadline was seen, kill_ms begins.
  while (!f.readable()) f.clock->advance(2000ms);
  for (const std::uint64_t id : {5U, 6U}) {
    const Failure why = f.await_failure(id);
    CHECK(why.kind == oast::FailureKind::kernel_died);
    CHECK(why.death.cause == oast::DeathCause::time_limit);
    CHECK(why.death.explanation == "request 5 of host " + std::to_string(f.host.self.value) +
                                       " ran 2 s beyond its deadline");
  }
}

TEST_CASE("P10: an interrupt by id ends a request in any state, and says what it did") {
  Fixture f(1);
  f.eval(5, kLoop);
  f.eval(6, "ran = true");  // waits at the broker
  f.await_output(5);
  f.await_received();
  CHECK(f.interrupt(6) == wire::InterruptOutcome::cancelled);
  CHECK(f.await_failure(6).kind == oast::FailureKind::interrupted);
  CHECK(f.interrupt(6) == wire::InterruptOutcome::already_finished);
  CHECK(f.interrupt(5) == wire::InterruptOutcome::interrupted);
  CHECK(f.await_failure(5).kind == oast::FailureKind::interrupted);
  CHECK(f.interrupt(5) == wire::InterruptOutcome::already_finished);
}

TEST_CASE("P10: an interrupt right behind a take ends it, and loses nothing") {
  Fixture f(256, nullptr);
  wire::EvalT make;
  make.code = "c = oast.channel(1) return c";
  make.reply = wire::Reply::channel;
  send(f.host.data, f.kernel, 7, make);
  wire::ChannelTakeT take;
  take.channel = static_cast<std::uint64_t>(f.await_integer(7));
  for (int i = 0; i < 100; ++i) {  // on another socket than the take, which it may overtake
    send(f.host.data, f.kernel, 8, take);
    f.await_received();
    CHECK(f.interrupt(8) == wire::InterruptOutcome::cancelled);
    CHECK(f.await_failure(8).kind == oast::FailureKind::interrupted);
    CHECK(f.interrupt(8) == wire::InterruptOutcome::already_finished);
  }
  // What the takes did not get is there for the next.
  f.eval(9, "c:put(9)");
  f.await_end(9);
  send(f.host.data, f.kernel, 10, take);
  CHECK(f.await_integer(10) == 9);
}

TEST_CASE("P10: an interrupt of whatever runs says which request was the last that had been sent") {
  BrokerFixture f({RawKernel::spec()});
  auto host = f.host();
  RawKernel kernel(f, host);
  wire::InterruptT whatever;
  whatever.kernel = kernel.connection->self.value;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    send(host.data, kernel.connection->self, 10 + i, wire::EvalT{});
    CHECK(next(kernel.connection->data).packet.root().id() == 10 + i);
    send(host.control, PeerId{}, 20 + i, whatever);
    const auto asked = next_answer(kernel.connection->control);
    const auto* order = asked.packet.root().body_as_Break();
    REQUIRE(order != nullptr);
    CHECK(order->sequence() == 0);
    CHECK(order->last() == i);
  }
}

TEST_CASE("a host answers as many requests for input as there were, and no more reach the kernel") {
  BrokerFixture f({RawKernel::spec()});
  auto host = f.host();
  RawKernel kernel(f, host);
  const PeerId to = kernel.connection->self;
  const auto reply = [&](const std::string& text) {
    wire::InputReplyT line;
    line.text = text;
    send(host.data, to, 5, line);
  };
  const auto got = [&] { return next(kernel.connection->data); };
  std::uint64_t id = 5;
  send(host.data, to, id, wire::EvalT{});
  CHECK(got().packet.root().body_as_Eval() != nullptr);
  // What a host sent before an eval was routed before it.
  const auto next_is_an_eval = [&] {
    send(host.data, to, ++id, wire::EvalT{});
    CHECK(got().packet.root().id() == id);
  };
  reply("nobody asked");
  next_is_an_eval();
  for (const std::string line : {"one", "two"}) {
    kernel.say(host.self, 5, wire::InputRequestT{});
    REQUIRE(next(host.data).packet.root().body_as_InputRequest() != nullptr);
    reply(line);
    reply("once more");
    const auto answer = got();
    REQUIRE(answer.packet.root().body_as_InputReply() != nullptr);
    CHECK(answer.packet.root().body_as_InputReply()->text()->str() == line);
    next_is_an_eval();
  }
}
