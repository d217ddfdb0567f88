// Sessions on the wire: what a broker numbers, keeps, and sends again.
#include <map>
#include <string>
#include <vector>

#include "broker_fixture.hpp"
#include "raw_kernel.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

const std::string kSecret(32, 's');

wire::HelloT hello_of(const BrokerFixture& f, const std::string& session,
                      const std::string& secret = kSecret) {
  wire::HelloT hello;
  hello.role = wire::Role::host;
  hello.token = f.broker.token();
  hello.session = session;
  hello.session_secret = secret;
  hello.session_timeout_ms = 3'600'000;
  return hello;
}

wire::Connection dial(BrokerFixture& f, wire::HelloT hello) {
  return wire::dial(f.context, f.broker.control_endpoint(), f.broker.data_endpoint(),
                    std::move(hello), kGenerous);
}

FailureKind refusal(BrokerFixture& f, const wire::HelloT& hello) {
  try {
    dial(f, hello);
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("it was let in");
  return {};
}

template <class Object>
void send_numbered(zmq::socket_t& socket, PeerId to, std::uint64_t id, const Object& object,
                   std::uint64_t number) {
  auto packet = wire::pack(RequestId{id}, object, number);
  REQUIRE(wire::send(socket, to, packet));
}

PeerId start_lua(wire::Connection& host) {
  wire::StartT start;
  start.spec = "lua";
  send(host.control, PeerId{}, 1, start);
  const auto answer = next_answer(host.control);
  const auto* kernel = answer.packet.root().body_as_Kernel();
  REQUIRE(kernel != nullptr);
  return PeerId{kernel->info()->id()};
}

wire::EvalT eval(const std::string& code, wire::Reply reply = wire::Reply::value) {
  wire::EvalT asked;
  asked.code = code;
  asked.reply = reply;
  return asked;
}

using Replies = std::map<std::uint64_t, int>;

/// Counts terminal replies by request id, until `enough` have one.
void count_replies(zmq::socket_t& data, Replies& replies, std::size_t enough) {
  while (replies.size() < enough) {
    const auto got = next(data);
    switch (got.packet.root().body_type()) {
      case wire::Body::Result:
      case wire::Body::Failure:
      case wire::Body::Completions:
        ++replies[got.packet.root().id()];
        break;
      default:
        break;
    }
  }
}

void resume(wire::Connection& host, PeerId kernel, std::uint64_t seen) {
  wire::ResumeT message;
  message.kernels.push_back(std::make_unique<wire::SeenT>());
  message.kernels[0]->kernel = kernel.value;
  message.kernels[0]->number = seen;
  send(host.data, PeerId{}, 0, message);
}

/// Whose connection is closed without a word.
void drop(wire::Connection& host) {
  host.control.close();
  host.data.close();
}

bool is_dead(wire::Connection& watcher, PeerId kernel) {
  wire::AttachT attach;
  attach.kernel = kernel.value;
  send(watcher.control, PeerId{}, 9, attach);
  const auto got = next_answer(watcher.control);
  const auto* found = got.packet.root().body_as_Kernel();
  return found == nullptr || found->info()->death() != nullptr;  // it is soon forgotten
}

void wait_for_death(BrokerFixture& f, PeerId kernel, const std::function<void()>& meanwhile = {}) {
  wire::HelloT hello;
  hello.role = wire::Role::host;
  hello.token = f.broker.token();
  hello.pid = ::getpid();  // so that it is not lost when time flies
  auto watcher = dial(f, std::move(hello));
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (!is_dead(watcher, kernel)) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    if (meanwhile) meanwhile();
  }
}

}  // namespace

TEST_CASE("P1: on the wire each request has one terminal reply, whatever becomes of it") {
  BrokerFixture f;
  auto host = f.host();
  const PeerId kernel = start_lua(host);
  std::uint64_t id = 1;
  for (int i = 0; i < 300; ++i) send(host.data, kernel, ++id, eval("return 1"));
  send(host.data, kernel, ++id, eval("error('no')"));
  send(host.data, kernel, ++id, eval("return nothing.at.all"));
  send(host.data, kernel, ++id, wire::CompleteT{});
  send(host.data, kernel, ++id, wire::ChannelTakeT{});
  send(host.data, PeerId{9999}, ++id, eval("no such kernel"));
  const std::uint64_t endless = ++id;
  send(host.data, kernel, endless, eval("while true do end"));
  for (int i = 0; i < 300; ++i) send(host.data, kernel, ++id, eval("return 2"));  // they wait
  const std::uint64_t cancelled = id;
  wire::InterruptT interrupt;
  interrupt.kernel = kernel.value;
  interrupt.request = cancelled;
  interrupt.timeout_ms = 10'000;
  send(host.control, PeerId{}, ++id, interrupt);
  const auto outcome = next_answer(host.control);
  REQUIRE(outcome.packet.root().body_as_Interrupted() != nullptr);
  wire::SignalT kill;
  kill.kernel = kernel.value;
  kill.signal = 9;
  const std::uint64_t killing = ++id;
  send(host.control, PeerId{}, killing, kill);
  const auto stopped = next_answer(host.control);
  REQUIRE(stopped.packet.root().body_as_Stopped() != nullptr);
  send(host.data, kernel, ++id, eval("return 'too late'"));
  Replies replies;
  const std::size_t asked = id - 1 - 2;  // the first, and two, are answered on control
  count_replies(host.data, replies, asked);
  // What would come a second time has come before this is answered.
  send(host.data, kernel, ++id, eval("return 'much too late'"));
  count_replies(host.data, replies, asked + 1);
  for (const auto& reply : replies) CHECK_MESSAGE(reply.second == 1, "request ", reply.first);
  CHECK(!replies.contains(killing));
}

TEST_CASE("a request that is sent again in a session runs once") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  const PeerId kernel = start_lua(host);
  send(host.data, kernel, 2, eval("print('on') while true do end"));
  REQUIRE(next(host.data).packet.root().body_as_Output() != nullptr);
  for (int i = 0; i < 5; ++i) send(host.data, kernel, 3, eval("m = (m or 0) + 1 return m"));
  wire::InterruptT interrupt;
  interrupt.kernel = kernel.value;
  interrupt.request = 2;
  interrupt.timeout_ms = 60'000;
  send(host.control, PeerId{}, 4, interrupt);
  Replies replies;
  count_replies(host.data, replies, 2);
  CHECK(replies == Replies{{2, 1}, {3, 1}});
  // Its answer was sent and not acknowledged: who asks again may not have got it, and will be sent
  // it when it comes back.
  for (int i = 0; i < 5; ++i) send(host.data, kernel, 3, eval("m = (m or 0) + 1 return m"));
  send(host.data, kernel, 5, eval("return m"));
  const auto got = next(host.data);
  REQUIRE(got.packet.root().id() == 5);
  CHECK(got.packet.root().body_as_Result()->value()->integer() == 1);
}

TEST_CASE("numbers that came before are dropped, also of requests that want no answer") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  const PeerId kernel = start_lua(host);
  const auto value = [&](std::uint64_t id, std::uint64_t number) {
    send_numbered(host.data, kernel, id, eval("return m"), number);
    return next(host.data).packet.root().body_as_Result()->value()->integer();
  };
  const auto add = eval("m = (m or 0) + 1", wire::Reply::nothing);
  send_numbered(host.data, kernel, 2, add, 1);
  CHECK(value(3, 2) == 1);
  // It has ended, so that its id tells nothing any more.
  for (int i = 0; i < 3; ++i) send_numbered(host.data, kernel, 2, add, 1);
  CHECK(value(4, 3) == 1);
}

TEST_CASE("a host that comes back gets what it has not seen, in order, and nothing twice") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  const PeerId self = host.self;
  const PeerId kernel = start_lua(host);
  std::uint64_t id = 1;
  for (int i = 0; i < 10; ++i) send(host.data, kernel, ++id, eval("print(1) return 2"));
  std::uint64_t seen = 0;
  for (int i = 0; i < 7; ++i) seen = next(host.data).packet.root().number();
  drop(host);

  auto again = dial(f, hello_of(f, "s"));
  CHECK(again.resumed);
  CHECK(again.self == self);
  CHECK(again.last_request.value >= 2);
  send(again.data, kernel, ++id, eval("return 'second'"));
  resume(again, kernel, seen);
  std::uint64_t number = seen;
  for (std::uint64_t answered = 0; answered != id;) {
    const auto got = next(again.data);
    CHECK(got.packet.root().number() == ++number);
    if (got.packet.root().body_as_Result() != nullptr) answered = got.packet.root().id();
  }
  CHECK(number == 21);
}

TEST_CASE("P2: a death comes after the last output, also if the host had gone before unnoticed") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  const PeerId kernel = start_lua(host);
  send(host.data, kernel, 2, eval("print(1) while true do end"));
  send(host.data, kernel, 3, eval("return 1"));
  REQUIRE(next(host.data).packet.root().body_as_Output() != nullptr);
  wire::SignalT kill;
  kill.kernel = kernel.value;
  kill.signal = 9;
  send(host.control, PeerId{}, 4, kill);
  wait_for_death(f, kernel);
  drop(host);  // which has read none of it, as far as the broker knows

  // However often that happens.
  for (int i = 0; i < 3; ++i) {
    auto again = dial(f, hello_of(f, "s"));
    REQUIRE(again.resumed);
    resume(again, kernel, 0);
    CHECK(next(again.data).packet.root().body_as_Output() != nullptr);
    for (const std::uint64_t id : {2, 3}) {
      const auto got = next(again.data);
      CHECK(got.packet.root().id() == id);
      CHECK(got.packet.root().body_as_Failure() != nullptr);
    }
    drop(again);
  }
}

TEST_CASE(
    "P1: a request for input waits for a host that is away, whatever else is said meanwhile") {
  BrokerFixture f({RawKernel::spec()}, nullptr,
                  [](broker::Options& o) { o.log_memory_bytes = 64 << 10; });
  auto host = dial(f, hello_of(f, "s"));
  RawKernel kernel(f, host);
  const PeerId id = kernel.connection->self;
  send(host.data, id, 5, wire::EvalT{});
  next(kernel.connection->data);
  drop(host);
  auto again = dial(f, hello_of(f, "s"));
  wire::InputRequestT asked;
  asked.prompt = "who?";
  kernel.say(again.self, 5, asked);
  wire::OutputT text;
  text.kind = wire::OutputKind::out;
  text.text = std::string(64 << 10, 'x');
  for (int i = 0; i < 64; ++i) kernel.say(again.self, 5, text);
  for (std::uint64_t done = 0; done < 48;) {  // so many are in the log, or have left it
    const auto got = next_answer(kernel.connection->control);
    if (const auto* said = got.packet.root().body_as_Acknowledge()) done = said->number();
  }
  resume(again, id, 0);
  const auto first = next(again.data);
  REQUIRE(first.packet.root().body_as_InputRequest() != nullptr);
  CHECK(first.packet.root().body_as_InputRequest()->prompt()->str() == "who?");
  CHECK(next(again.data).packet.root().body_as_Gap() != nullptr);
}

TEST_CASE("P1: who goes on with a session is asked for the input that nobody has answered, once") {
  BrokerFixture f({RawKernel::spec()});
  auto host = dial(f, hello_of(f, "s"));
  RawKernel kernel(f, host);
  const PeerId id = kernel.connection->self;
  auto& data = kernel.connection->data;
  send(host.data, id, 5, wire::EvalT{});
  next(data);
  kernel.say(host.self, 5, wire::InputRequestT{});
  wire::AcknowledgeT done;
  done.kernel = id.value;
  done.number = next(host.data).packet.root().number();
  send(host.data, PeerId{}, 0, done);
  send(host.data, id, 6, wire::EvalT{});  // behind the acknowledgement
  next(data);
  drop(host);

  auto again = dial(f, hello_of(f, "s"));
  resume(again, id, 0);
  const auto asked = next(again.data);
  REQUIRE(asked.packet.root().body_as_InputRequest() != nullptr);
  CHECK(asked.packet.root().id() == 5);
  CHECK(asked.packet.root().number() == done.number);
  drop(again);

  // The same process does not ask for it.
  again = dial(f, hello_of(f, "s"));
  resume(again, id, done.number);
  wire::OutputT text;
  text.kind = wire::OutputKind::out;
  text.text = "still there";
  kernel.say(again.self, 6, text);
  CHECK(next(again.data).packet.root().body_as_Output() != nullptr);
  wire::InputReplyT line;
  line.text = "answer";
  send(again.data, id, 5, line);
  CHECK(next(data).packet.root().body_as_InputReply()->text()->str() == "answer");
  drop(again);

  again = dial(f, hello_of(f, "s"));
  resume(again, id, 0);
  CHECK(next(again.data).packet.root().body_as_Output() != nullptr);  // nobody acknowledged it
  kernel.say(again.self, 5, wire::ResultT{});
  CHECK(next(again.data).packet.root().body_as_Result() != nullptr);
}

TEST_CASE("what the broker answered and the host did not get is sent again, as it was numbered") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  send(host.data, PeerId{777}, 2, eval("to nobody"));
  send(host.control, PeerId{}, 3, wire::ListT{});
  CHECK(next(host.data).packet.root().number() == 1);
  CHECK(next_answer(host.control).packet.root().number() == 1);
  send(host.data, PeerId{778}, 4, eval("to nobody"));
  send(host.control, PeerId{}, 5, wire::ListT{});
  CHECK(next(host.data).packet.root().number() == 2);
  CHECK(next_answer(host.control).packet.root().number() == 2);
  drop(host);

  auto hello = hello_of(f, "s");
  hello.received = 1;
  hello.received_data = 1;
  auto again = dial(f, hello);
  auto on_data = next(again.data);
  CHECK(on_data.packet.root().number() == 2);
  CHECK(on_data.packet.root().id() == 4);
  auto on_control = next_answer(again.control);
  CHECK(on_control.packet.root().number() == 2);
  CHECK(on_control.packet.root().id() == 5);
}

TEST_CASE(
    "P4: answers that a host never acknowledges end its session before they fill the broker") {
  const auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto host = dial(f, hello_of(f, "s"));
  const PeerId kernel = start_lua(host);
  wire::AttachT attach;
  attach.name = std::string(500'000, 'n');  // which the answer repeats
  for (int i = 0; i < 140; ++i) {
    send(host.control, PeerId{}, static_cast<std::uint64_t>(i + 2), attach);
    next_answer(host.control);
  }
  wait_for_death(f, kernel, [&] { clock->advance(1s); });
  CHECK(!dial(f, hello_of(f, "s")).resumed);
}

TEST_CASE("P7: a session is its secret's, and names and secrets are checked") {
  BrokerFixture f;
  auto host = dial(f, hello_of(f, "s"));
  CHECK(refusal(f, hello_of(f, "s", std::string(32, 't'))) == FailureKind::permission_denied);
  CHECK(refusal(f, hello_of(f, "s", "")) == FailureKind::invalid);
  CHECK(refusal(f, hello_of(f, "a b")) == FailureKind::invalid);
  CHECK(refusal(f, hello_of(f, std::string(65, 'a'))) == FailureKind::invalid);
  auto monitor = hello_of(f, "m");
  monitor.role = wire::Role::monitor;
  CHECK(refusal(f, monitor) == FailureKind::invalid);
  auto stranger = hello_of(f, "s");
  stranger.token = "wrong";
  CHECK(refusal(f, stranger) == FailureKind::permission_denied);
  send(host.control, PeerId{}, 3, wire::ListT{});  // the owner noticed nothing
  CHECK(next_answer(host.control).packet.root().body_as_Listing() != nullptr);
}

TEST_CASE("a session's time is over: its kernels end, and the next of its name is another") {
  const auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto host = dial(f, hello_of(f, "s"));
  const PeerId self = host.self;
  const PeerId kernel = start_lua(host);
  send(host.control, PeerId{}, 0, wire::GoodbyeT{});
  auto watcher = f.host();
  // It is away once the broker has seen the connection close.
  for (int i = 0; i < 50; ++i) CHECK(!is_dead(watcher, kernel));
  wait_for_death(f, kernel, [&] { clock->advance(100s); });
  auto other = dial(f, hello_of(f, "s"));
  CHECK(!other.resumed);
  CHECK(other.self != self);
}
