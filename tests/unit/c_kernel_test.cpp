// The kernel SDK from a program in plain C, with the test as its broker and its hosts.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "kernel_driver.hpp"

namespace oast::test {

namespace {

using Router = KernelDriver;

/// Kernels started while this lives serve so.
class How {
 public:
  explicit How(const char* how) { ::setenv("OAST_TEST_HOW", how, 1); }
  ~How() { ::unsetenv("OAST_TEST_HOW"); }
  How(const How&) = delete;
  How& operator=(const How&) = delete;
};

struct NextOutput : wire::OutputT {
  std::uint64_t number = 0;
};

NextOutput next_output(Router& hub, RequestId id) {
  const auto message = hub.next(id);
  NextOutput output;
  output.number = message.packet.root().number();
  const auto* body = message.packet.root().body_as_Output();
  REQUIRE(body != nullptr);
  body->UnPackTo(&output);
  return output;
}

}  // namespace

TEST_CASE("a kernel in C evaluates, fails and knows who it is") {
  Router hub(OAST_C_KERNEL);
  CHECK(hub.run("upper abc").value() == Value("ABC"));
  const Failure failure = hub.run("nonsense").failure();
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.type == "ToyError");
  CHECK(failure.traceback == std::vector<std::string>{"line 1"});
  CHECK(hub.run("who").value() == Value("7 toy-7 toy [] []"));
  hub.shutdown();
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE("arguments and values of every kind pass through a kernel in C") {
  Router hub(OAST_C_KERNEL);
  const Value value =
      Value::List{Value{},
                  true,
                  std::int64_t{-3},
                  0.5,
                  "text",
                  Buffer::copy_of(std::string(10'000, 'b')),
                  Value::Map{{"key", Value::List{std::int64_t{1}}}},
                  Tensor{DType::int16, {2}, Buffer::copy_of(std::string_view("\1\0\2\0", 4))},
                  Native{"toy", Buffer::copy_of("data")}};
  wire::Writer writer;
  auto& builder = writer.builder();
  const auto args = writer.values(std::span(&value, 1));
  wire::EvalBuilder eval(builder);
  eval.add_args(args);
  hub.send_packet(writer.finish(RequestId{900}, eval.Finish()));
  CHECK(hub.await(RequestId{900}).value() == value);
}

TEST_CASE("output of an earlier request comes under its id, and the rest stays where it was") {
  Router hub(OAST_C_KERNEL);
  const auto kept = hub.eval("keep 0");
  CHECK(hub.await(kept).out.empty());
  const auto answer = hub.run("late words");
  CHECK(answer.out == "beforeafter");
  CHECK(answer.err.empty());
  const auto late = next_output(hub, kept);
  CHECK(late.kind == wire::OutputKind::err);
  CHECK(late.text == "words");
  // In the order of the calls.
  CHECK(late.number == answer.numbers.front() + 1);
}

TEST_CASE("displays have parts, names, updates and an end, in order with text") {
  Router hub(OAST_C_KERNEL);
  const auto id = hub.eval("show what");
  CHECK(next_output(hub, id).text == "first ");
  auto shown = hub.next(id);
  const auto* display = shown.packet.root().body_as_Output();
  REQUIRE(display != nullptr);
  CHECK(display->kind() == wire::OutputKind::display);
  CHECK(wire::text(display->display_id()) == "name");
  CHECK_FALSE(display->update());
  REQUIRE(display->parts()->size() == 2);
  CHECK(wire::text(display->parts()->Get(0)->text()) == "what");
  CHECK(display->parts()->Get(1)->buffer() == 0);
  REQUIRE(shown.packet.buffers.size() == 1);
  CHECK(shown.packet.buffers[0].to_string_view() == std::string_view("\0\1\2", 3));
  CHECK(next_output(hub, id).update);
  const auto clear = next_output(hub, id);
  CHECK(clear.kind == wire::OutputKind::clear);
  CHECK(clear.wait);
  // An update of nothing is refused: OAST_INVALID.
  CHECK(hub.await(id).value() == Value(std::int64_t{9}));
}

TEST_CASE("a kernel in C asks its host for a line") {
  Router hub(OAST_C_KERNEL);
  for (const bool eof : {false, true}) {
    const auto id = hub.eval("ask name?");
    const auto asked = hub.next(id);
    REQUIRE(asked.packet.root().body_as_InputRequest() != nullptr);
    CHECK(wire::text(asked.packet.root().body_as_InputRequest()->prompt()) == "name?");
    wire::InputReplyT reply;
    reply.text = "ann";
    reply.eof = eof;
    hub.send_as(id, reply);
    auto answer = hub.await(id);
    if (eof)
      CHECK(answer.failure().kind == FailureKind::not_found);
    else
      CHECK(answer.value() == Value("ann"));
  }
}

TEST_CASE(
    "a kernel in C reads standard input as it likes, and no request reads what another left") {
  Router hub(OAST_C_KERNEL);
  for (const std::string block : {"abcde", "fg"}) {
    const auto id = hub.eval("read");
    const auto asked = hub.next(id);
    const auto* request = asked.packet.root().body_as_InputRequest();
    REQUIRE(request != nullptr);
    CHECK(request->block_bytes() > 0);
    wire::InputReplyT reply;
    reply.bytes.assign(block.begin(), block.end());
    hub.send_as(id, reply);
    if (block.size() == 2) {  // then it asks for more
      REQUIRE(hub.next(id).packet.root().body_as_InputRequest() != nullptr);
      reply = {};
      reply.eof = true;
      hub.send_as(id, reply);
      CHECK(hub.await(id).failure().kind == FailureKind::not_found);
    } else {
      CHECK(hub.await(id).value() == Value(block.substr(2, 1)));
    }
  }
}

TEST_CASE("P10: an interrupt is the engine's own signal, once a callback, and hits nothing later") {
  Router hub(OAST_C_KERNEL);
  for (std::int64_t i = 1; i <= 3; ++i) {
    const auto id = hub.eval("spin on");
    CHECK(next_output(hub, id).text == "on");  // from now on it counts signals
    CHECK(hub.interrupt(0).state == wire::BreakState::signalled);
    const Failure failure = hub.await(id).failure();
    CHECK(failure.kind == FailureKind::interrupted);
    CHECK(failure.message == "by a signal");
    CHECK(hub.run("upper abc").value() == Value("ABC"));
    // The callback comes on a thread of the library's, which may be late, but once.
    const auto end = Router::deadline();
    while (hub.run("counts").value() == Value(i - 1))
      REQUIRE(std::chrono::steady_clock::now() < end);
    CHECK(hub.run("counts").value() == Value(i));
  }
  const auto asking = hub.eval("ask name?");
  hub.until_running(asking);
  hub.interrupt(0);
  CHECK(hub.await(asking).failure().kind == FailureKind::interrupted);
}

TEST_CASE("lent memory comes back once when it has been sent") {
  Router hub(OAST_C_KERNEL);
  auto answer = hub.run("lend 1000000");
  CHECK(answer.value().as<Tensor>().data.size() == 1'000'000);
  const auto end = Router::deadline();
  while (hub.run("returned").value() != Value(std::int64_t{1}))
    REQUIRE(std::chrono::steady_clock::now() < end);
}

TEST_CASE("a reply that is no value fails its request, and the kernel lives on") {
  Router hub(OAST_C_KERNEL);
  const Failure failure = hub.run("broken").failure();
  CHECK(failure.kind == FailureKind::invalid);
  CHECK(failure.message.find("no value") != std::string::npos);
  CHECK(hub.run("upper abc").value() == Value("ABC"));
}

TEST_CASE("channels work from another thread of the kernel, while the engine waits and works") {
  Router hub(OAST_C_KERNEL);
  CHECK(hub.run("channel 1").value() == Value(std::int64_t{1}));
  CHECK(hub.run("channel 1").value() == Value(std::int64_t{2}));
  hub.run("thread 1");
  const auto put = [&](std::int64_t channel, const char* text) {
    wire::ChannelPutT body;
    body.channel = static_cast<std::uint64_t>(channel);
    body.value = std::make_unique<wire::ValueT>();
    body.value->kind = wire::ValueKind::string;
    body.value->text = text;
    return hub.send(body);
  };
  wire::ChannelTakeT take;
  take.channel = 2;
  CHECK(hub.await(put(1, "one")).is_result());
  CHECK(hub.await(hub.send(take)).value() == Value("one"));
  const auto spinning = hub.eval("spin");
  CHECK(hub.await(put(1, "two")).is_result());
  CHECK(hub.await(hub.send(take)).value() == Value("two"));
  // Interrupting the request must not end the other thread's wait for good, nor the kernel.
  hub.interrupt(0);
  CHECK(hub.await(spinning).failure().kind == FailureKind::interrupted);
}

TEST_CASE("an event loop that owns the wait is woken by requests and by the end") {
  const How how("fd");
  Router hub(OAST_C_KERNEL);
  for (int i = 0; i < 50; ++i) CHECK(hub.run("upper abc").value() == Value("ABC"));
  const auto first = hub.eval("upper x");
  const auto second = hub.eval("print y");
  CHECK(hub.await(first).value() == Value("X"));
  CHECK(hub.await(second).out == "y");
  hub.shutdown();
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE("a second thread answers queries while the engine is busy") {
  const How how("queries");
  Router hub(OAST_C_KERNEL);
  const auto spinning = hub.eval("spin");
  hub.until_running(spinning);
  wire::CompleteT complete;
  complete.code = "up";
  complete.cursor = 2;
  const auto completions = hub.next(hub.send(complete));
  const auto* found = completions.packet.root().body_as_Completions();
  REQUIRE(found != nullptr);
  CHECK(found->matches()->size() == 2);
  CHECK(found->end() == 2);
  wire::IsCompleteT is_complete;
  const auto completeness = hub.next(hub.send(is_complete));
  REQUIRE(completeness.packet.root().body_as_Completeness() != nullptr);
  CHECK(wire::text(completeness.packet.root().body_as_Completeness()->indent()) == "  ");
  CHECK_FALSE(hub.came(spinning));
  hub.interrupt(0);
  CHECK(hub.await(spinning).failure().kind == FailureKind::interrupted);
  hub.shutdown();
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE("another thread may end the process, and what it said before arrives") {
  Router hub(OAST_C_KERNEL);
  const auto id = hub.eval("exit");
  CHECK(hub.await(id).is_result());
  CHECK(next_output(hub, id).text == "bye");
  const int status = hub.wait_exit();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 5);
}

TEST_CASE("a kernel in C that nobody gave launch details says so") {
  Router::Options options;
  options.welcome = false;
  options.launch = "hello\n";
  Router hub(OAST_C_KERNEL, options);
  CHECK(WEXITSTATUS(hub.wait_exit()) == 1);
  CHECK(hub.raw_stderr().find("launch details") != std::string::npos);
}

}  // namespace oast::test
