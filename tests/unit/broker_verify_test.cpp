// Messages that take long to verify.
#include <signal.h>

#include <fstream>
#include <thread>

#include "broker_fixture.hpp"
#include "message_verifier.hpp"
#include "unreadable.hpp"

using namespace oast;
using namespace oast::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kManyTables = 1'000'000;  // takes as long as more does elsewhere
#else
constexpr std::size_t kManyTables = 4'000'000;  // few less than there may be in a message
#endif
constexpr PeerId kNobody{77};

using Shared = std::vector<flatbuffers::Offset<wire::Value>>;

/// A list whose items are all the same: quick to make, and verified one by one.
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Value>>> items(
    flatbuffers::FlatBufferBuilder& builder, std::size_t tables) {
  return builder.CreateVector(Shared(tables, wire::CreateValue(builder)));
}

wire::Packet slow_eval(std::uint64_t id, std::size_t tables = kManyTables,
                       wire::Reply reply = wire::Reply::value) {
  wire::Writer writer;
  auto& builder = writer.builder();
  const auto args = items(builder, tables);
  wire::EvalBuilder eval(builder);
  eval.add_args(args);
  eval.add_reply(reply);
  return writer.finish(RequestId{id}, eval.Finish());
}

void send_packet(zmq::socket_t& socket, PeerId to, wire::Packet packet) {
  REQUIRE(wire::send(socket, to, packet));
}

bool has_message(zmq::socket_t& socket) {
  zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  return zmq::poll(&item, 1, std::chrono::milliseconds(0)) > 0;
}

/// A kernel in the test's hands, with a shell as its process.
struct ShellKernel {
  ShellKernel(BrokerFixture& f, wire::Connection& owner) {
    wire::StartT start;
    start.spec = "shell";
    start.cwd = f.scratch.path();
    send(owner.control, PeerId{}, 1, start);
    std::string line;
    while (!std::getline(std::ifstream(f.scratch.path() / "details"), line))
      std::this_thread::yield();
    const std::string key = ",\"token\":\"";
    const auto begin = line.find(key) + key.size();
    wire::HelloT hello;
    hello.role = wire::Role::kernel;
    hello.token = line.substr(begin, line.find('"', begin) - begin);
    hello.version_min = hello.version_max = wire::kVersion;
    connection = wire::dial(f.context, f.broker.control_endpoint(), f.broker.data_endpoint(), hello,
                            std::chrono::duration_cast<std::chrono::milliseconds>(kGenerous));
    const auto started = next_answer(owner.control);
    const auto* kernel = started.packet.root().body_as_Kernel();
    REQUIRE(kernel != nullptr);
    std::ifstream(f.scratch.path() / "pid") >> pid;
  }
  static broker::KernelSpec spec() {
    return test::spec("shell", {"/bin/sh", "-c",
                                "read -r line; echo $$ > pid; echo \"$line\" > new; "
                                "mv new details; exec sleep 1000"});
  }
  std::optional<wire::Connection> connection;
  pid_t pid = 0;
};

}  // namespace

TEST_CASE("P4: others are served while messages that take long are verified") {
  BrokerFixture f;
  auto slow = f.host("slow");
  auto other = f.host("other");
  constexpr std::size_t kAhead = 4;
  std::uint64_t sent = 0;
  const auto send_slow = [&] {
    send_packet(slow.data, kNobody, slow_eval(++sent));
    send_packet(slow.control, PeerId{}, slow_eval(sent));
  };
  while (sent < kAhead) send_slow();
  // From the first answer on, the broker has at hand what follows. Were it verified on the loop,
  // others would be served about once in between, however long this goes on.
  CHECK(next(slow.data).packet.root().id() == 1);
  std::size_t answered = 0;
  std::size_t served = 0;
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (answered < kAhead || served < 4 * answered) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    send(other.control, PeerId{}, 5, wire::ListT{});
    CHECK(next_answer(other.control).packet.root().body_as_Listing() != nullptr);
    send(other.data, kNobody, 6, wire::EvalT{});
    CHECK(next(other.data).packet.root().id() == 6);
    ++served;
    for (; has_message(slow.data); send_slow())
      CHECK(next(slow.data).packet.root().id() == ++answered + 1);
  }
  MESSAGE("served meanwhile: ", served, ", of the slow ones: ", answered);
}

TEST_CASE("P2: what a peer sends behind a message that takes long stays behind it") {
  BrokerFixture f;
  auto host = f.host();
  for (const std::uint64_t first : {1, 101}) {
    send_packet(host.data, kNobody, slow_eval(first));
    for (std::uint64_t id = first + 1; id < first + 100; ++id)
      send(host.data, kNobody, id, wire::EvalT{});
  }
  for (std::uint64_t id = 1; id <= 200; ++id) REQUIRE(next(host.data).packet.root().id() == id);
  for (std::uint64_t id = 1; id <= 2; ++id) send_packet(host.control, PeerId{}, slow_eval(id));
  send(host.control, PeerId{}, 3, wire::ListT{});
  for (std::uint64_t id = 1; id <= 3; ++id)
    REQUIRE(next_answer(host.control).packet.root().id() == id);
}

TEST_CASE(
    "P5: a large message that is malformed, or of a later version, is answered as a small one") {
  BrokerFixture f;
  auto host = f.host();
  send_packet(host.data, kNobody, slow_eval(7, 5'000'000));  // more tables than there may be
  auto answer = next(host.data);
  CHECK(answer.packet.root().id() == 7);
  CHECK(kind_of(answer) == oast::FailureKind::invalid);
  send_packet(host.data, kNobody, of_later_version(slow_eval(8, 100'000)));
  answer = next(host.data);
  CHECK(answer.packet.root().id() == 8);
  CHECK(kind_of(answer) == oast::FailureKind::unimplemented);
  send_packet(host.control, PeerId{}, slow_eval(9, 5'000'000));
  answer = next_answer(host.control);
  CHECK(answer.packet.root().id() == 9);
  CHECK(kind_of(answer) == oast::FailureKind::invalid);
  auto stranger = dealer(f.context, f.broker.data_endpoint());
  send_packet(stranger, kNobody, slow_eval(10, 100'000));
  CHECK(kind_of(next(stranger)) == oast::FailureKind::permission_denied);
}

TEST_CASE("P2: a death is told after the kernel's last message, also one that takes long") {
  BrokerFixture f({ShellKernel::spec()});
  auto host = f.host();
  ShellKernel kernel(f, host);
  const PeerId id = kernel.connection->self;
  for (std::uint64_t i = 1; i <= 3; ++i) send(host.data, id, i, wire::EvalT{});
  auto& data = kernel.connection->data;
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(next(data).packet.root().id() == i);
  for (std::uint64_t i = 1; i <= 2; ++i) {
    wire::Writer writer;
    auto& builder = writer.builder();
    const auto list = items(builder, kManyTables);
    wire::ValueBuilder value(builder);
    value.add_kind(wire::ValueKind::list);
    value.add_items(list);
    const auto whole = value.Finish();
    wire::ResultBuilder result(builder);
    result.add_value(whole);
    data.set(zmq::sockopt::linger, 60'000);
    send_packet(data, host.self, writer.finish(RequestId{i}, result.Finish(), i));
  }
  kernel.connection.reset();
  ::kill(kernel.pid, SIGKILL);
  const auto next_record = [&] {
    auto got = next(host.data);
    // So much is unacknowledged that the host is asked.
    while (got.packet.root().body_as_Acknowledge() != nullptr) got = next(host.data);
    return got;
  };
  for (std::uint64_t i = 1; i <= 2; ++i) {
    const auto answer = next_record();
    CHECK(answer.packet.root().id() == i);
    CHECK(answer.packet.root().body_as_Result() != nullptr);
  }
  CHECK(kind_of(next_record()) == oast::FailureKind::kernel_died);
}

TEST_CASE("P1: what a host that leaves has sent is passed on, also what takes long") {
  BrokerFixture f({ShellKernel::spec()});
  auto owner = f.host("owner");
  ShellKernel kernel(f, owner);
  auto host = f.host("leaving");
  send_packet(host.data, kNobody, slow_eval(1));
  send_packet(host.data, kernel.connection->self, slow_eval(2, kManyTables, wire::Reply::nothing));
  CHECK(next(host.data).packet.root().id() == 1);  // the broker has at hand what follows
  send(host.control, PeerId{}, 0, wire::GoodbyeT{});
  CHECK(next(kernel.connection->data).packet.root().body_as_Eval() != nullptr);
  CHECK(next(kernel.connection->data).packet.root().body_as_HostLeft() != nullptr);
}

TEST_CASE("MessageVerifier parks a bounded number of bytes, and hands on in order") {
  zmq::context_t context;
  broker::EventLoop loop(std::make_shared<ManualClock>());
  broker::RouterSocket socket(context, 1024);
  std::vector<std::uint64_t> handed;
  broker::MessageVerifier verifier(loop, {}, [&](auto&, broker::Incoming& in, auto wrong) {
    CHECK_FALSE(wrong);
    handed.push_back(in.packet.root().id());
  });
  const auto message = [](const std::string& from, wire::Packet packet) {
    broker::Incoming in;
    in.from = from;
    in.packet = std::move(packet);
    return in;
  };
  std::size_t taken = 0;
  const wire::Packet large = slow_eval(1, 1'000'000);
  const auto copy = [&] {
    wire::Packet packet;
    packet.message.copy(const_cast<zmq::message_t&>(large.message));
    return packet;
  };
  auto in = message("a", copy());
  const std::size_t each = in.packet.bytes();
  CHECK_THROWS_WITH_AS(
      for (; taken < 10'000; ++taken) {
        in = message("a", copy());
        verifier.verify(socket, in);
      },
      doctest::Contains("takes no more for now"), Error);
  CHECK(in.packet.bytes() == each);  // it was not taken
  CHECK(taken * each >= broker::MessageVerifier::kMostParked);
  CHECK((taken - 1) * each < broker::MessageVerifier::kMostParked);
  // Another connection may have some parked, and without any is not held up.
  in = message("b", wire::pack(RequestId{2}, wire::EvalT{}));
  verifier.verify(socket, in);
  CHECK(handed == std::vector<std::uint64_t>{2});
  in = message("b", copy());
  verifier.verify(socket, in);
  in = message("b", wire::pack(RequestId{3}, wire::EvalT{}));
  verifier.verify(socket, in);
  CHECK(handed.size() == 1);
  bool early = false;
  verifier.after_parked(socket, "c", [&] { early = true; });
  CHECK(early);
  verifier.after_parked(socket, "b", [&] { loop.quit(); });
  loop.run();
  std::vector<std::uint64_t> expected(taken + 1, 1);
  expected.insert(expected.begin(), 2);
  expected.push_back(3);
  CHECK(handed == expected);
}
