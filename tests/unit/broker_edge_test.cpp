// The edge where bytes enter: strangers, impostors, nonsense.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "raw_kernel.hpp"
#include "unreadable.hpp"

using namespace oast;
using namespace oast::test;

namespace {

void send_raw(zmq::socket_t& socket, std::vector<std::string> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i)
    socket.send(zmq::buffer(frames[i]),
                i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// While it lives, this process can have so many more bytes of memory.
class AddressSpace {
 public:
  explicit AddressSpace(std::size_t more) {
    REQUIRE(::getrlimit(RLIMIT_AS, &before_) == 0);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit tight{pages * static_cast<std::size_t>(::getpagesize()) + more, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  }
  ~AddressSpace() { ::setrlimit(RLIMIT_AS, &before_); }
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

 private:
  rlimit before_{};
};
#endif

/// The broker still serves this host.
void check_served(wire::Connection& host) {
  send(host.control, PeerId{}, 99, wire::ListSpecsT{});
  const auto answer = next_answer(host.control);
  CHECK(answer.packet.root().id() == 99);
  CHECK(answer.packet.root().body_as_Specs() != nullptr);
}

}  // namespace

TEST_CASE("P7: a wrong token is refused, and a right one is then let in") {
  BrokerFixture f;
  auto control = dealer(f.context, f.broker.control_endpoint());
  send(control, PeerId{}, 1, hello("0123"));
  CHECK(kind_of(next(control)) == oast::FailureKind::permission_denied);
  send(control, PeerId{}, 1, hello(""));
  CHECK(kind_of(next(control)) == oast::FailureKind::permission_denied);
  auto as_kernel = hello(f.broker.token());
  as_kernel.role = wire::Role::kernel;
  send(control, PeerId{}, 1, as_kernel);
  CHECK(kind_of(next(control)) == oast::FailureKind::permission_denied);
  send(control, PeerId{}, 1, hello(f.broker.token()));
  CHECK(next(control).packet.root().body_as_Welcome() != nullptr);
}

TEST_CASE("P7: nothing is served before hello, nor on data without the ticket") {
  BrokerFixture f;
  auto control = dealer(f.context, f.broker.control_endpoint());
  send(control, PeerId{}, 1, wire::ListT{});  // dropped
  send(control, PeerId{}, 2, hello(f.broker.token()));
  const auto welcome = next(control);
  REQUIRE(welcome.packet.root().body_as_Welcome() != nullptr);

  auto data = dealer(f.context, f.broker.data_endpoint());
  wire::EvalT eval;
  eval.code = "1";
  send(data, PeerId{1}, 1, eval);
  CHECK(kind_of(next(data)) == oast::FailureKind::permission_denied);
  wire::JoinT join;
  join.peer = welcome.packet.root().body_as_Welcome()->peer();
  join.ticket = {1, 2, 3};
  send(data, PeerId{}, 1, join);
  CHECK(kind_of(next(data)) == oast::FailureKind::permission_denied);
  const auto* ticket = welcome.packet.root().body_as_Welcome()->ticket();
  join.ticket.assign(ticket->begin(), ticket->end());
  send(data, PeerId{}, 1, join);
  CHECK(next(data).packet.root().body_as_Joined() != nullptr);
  // A ticket is good once.
  auto thief = dealer(f.context, f.broker.data_endpoint());
  send(thief, PeerId{}, 1, join);
  CHECK(kind_of(next(thief)) == oast::FailureKind::permission_denied);
}

TEST_CASE("P7: the token is readable by its owner only, and so is the directory") {
  BrokerFixture f;
  struct stat info {};
  REQUIRE(::stat((f.broker.directory() / "token").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(::stat(f.broker.directory().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("Versions without an overlap are incompatible") {
  BrokerFixture f;
  auto control = dealer(f.context, f.broker.control_endpoint());
  auto message = hello(f.broker.token());
  message.version_min = 7;
  message.version_max = 9;
  send(control, PeerId{}, 1, message);
  CHECK(kind_of(next(control)) == oast::FailureKind::incompatible);
}

TEST_CASE("P5: nonsense costs its sender a Failure and nobody else anything") {
  BrokerFixture f;
  auto sender = f.host("sender");
  auto bystander = f.host("bystander");
  send_raw(sender.data, {"", "garbage"});
  const auto answer = next(sender.data);
  CHECK(kind_of(answer) == oast::FailureKind::invalid);
  CHECK(answer.packet.root().id() == 0);
  send_raw(sender.data, {"", ""});
  CHECK(kind_of(next(sender.data)) == oast::FailureKind::invalid);
  // Frames that make no message at all: dropped.
  send_raw(sender.data, {"x"});
  send_raw(sender.data, {"not eight bytes", "y"});
  send_raw(sender.data, std::vector<std::string>(3000, "z"));
  send_raw(sender.control, {"", "garbage"});
  CHECK(kind_of(next_answer(sender.control)) == oast::FailureKind::invalid);
  check_served(sender);
  check_served(bystander);
}

TEST_CASE("P1: a request that the broker cannot read ends with a Failure of its id") {
  BrokerFixture f;
  auto host = f.host();
  send(host.data, PeerId{5}, 7, unreadable_eval());
  const auto malformed = next(host.data);
  CHECK(malformed.packet.root().id() == 7);
  CHECK(kind_of(malformed) == oast::FailureKind::invalid);
  auto packet = of_later_version(wire::pack(RequestId{8}, wire::EvalT{}));
  REQUIRE(wire::send(host.data, PeerId{5}, packet));
  const auto later = next(host.data);
  CHECK(later.packet.root().id() == 8);
  CHECK(kind_of(later) == oast::FailureKind::unimplemented);
}

TEST_CASE("P1: an answer of a kernel that the broker cannot read ends its request") {
  BrokerFixture f({RawKernel::spec()});
  auto host = f.host();
  RawKernel kernel(f, host);
  const PeerId id = kernel.connection->self;
  send(host.data, id, 7, wire::EvalT{});
  auto& data = kernel.connection->data;
  const auto asked = next(data);
  CHECK(asked.peer == host.self);
  CHECK(asked.route.sequence == 1);
  auto packet = of_later_version(wire::pack(RequestId{7}, wire::ResultT{}, 1));
  REQUIRE(wire::send(data, host.self, packet));
  const auto answer = next(host.data);
  CHECK(answer.packet.root().id() == 7);
  CHECK(kind_of(answer) == oast::FailureKind::unimplemented);
  send(host.data, id, 8, wire::CallT{});
  CHECK(next(data).route.sequence == 2);
}

TEST_CASE("P5: a valid message with one byte changed is never the end of the broker") {
  BrokerFixture f;
  auto host = f.host();
  wire::Writer writer;
  const std::vector<Value> args{Value::List{1, "two", 3.0}, Value::Map{{"key", nullptr}}};
  const auto values = writer.values(args);
  const auto code = writer.builder().CreateString("return 1");
  const auto packet =
      writer.finish(RequestId{1}, wire::CreateEval(writer.builder(), code, 0, values));
  const std::string bytes(packet.message.data<char>(), packet.message.size());
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string mutated = bytes;
      mutated[i] = static_cast<char>(static_cast<unsigned char>(mutated[i]) ^ flip);
      send_raw(host.data, {std::string("\x05\0\0\0\0\0\0\0", 8), mutated});
    }
  check_served(host);
}

TEST_CASE("A body that is not a host's to send is invalid, a kernel that is not there not found") {
  BrokerFixture f;
  auto host = f.host();
  wire::ResultT result;
  send(host.data, PeerId{77}, 4, result);
  auto answer = next(host.data);
  CHECK(kind_of(answer) == oast::FailureKind::invalid);
  CHECK(answer.packet.root().id() == 4);
  wire::EvalT eval;
  send(host.data, PeerId{77}, 5, eval);
  answer = next(host.data);
  CHECK(kind_of(answer) == oast::FailureKind::not_found);
  CHECK(answer.packet.root().id() == 5);
  send(host.control, PeerId{}, 6, wire::WelcomeT{});
  CHECK(kind_of(next_answer(host.control)) == oast::FailureKind::invalid);
  wire::StopT stop;
  stop.kernel = 77;
  send(host.control, PeerId{}, 7, stop);
  CHECK(kind_of(next_answer(host.control)) == oast::FailureKind::not_found);
}

TEST_CASE("Events reach only a monitor with the token") {
  BrokerFixture f({spec("broken", {"/bin/false"})});
  zmq::socket_t monitor(f.context, zmq::socket_type::xsub);
  zmq::socket_t stranger(f.context, zmq::socket_type::xsub);
  monitor.connect(f.broker.events_endpoint());
  stranger.connect(f.broker.events_endpoint());
  stranger.send(zmq::str_buffer("\x01"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("\x01kernel"), zmq::send_flags::none);
  monitor.send(zmq::buffer("\x01" + f.broker.token()), zmq::send_flags::none);
  auto host = f.host();
  // Subscriptions travel on their own connections: start until one is seen.
  monitor.set(zmq::sockopt::rcvtimeo, 100);
  zmq::message_t topic;
  bool seen = false;
  for (int i = 0; i < 100 && !seen; ++i) {
    wire::StartT start;
    start.spec = "broken";
    send(host.control, PeerId{}, 1, start);
    next_answer(host.control);
    seen = monitor.recv(topic).has_value();
  }
  CHECK(topic.to_string() == "kernel");
  CHECK_FALSE(stranger.recv(topic, zmq::recv_flags::dontwait));
}

TEST_CASE("A host that is not heard of loses its place, and its connection is a stranger's again") {
  auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto silent = f.host("silent");
  auto speaking = f.host("speaking");
  for (int i = 0; i < 8; ++i) {
    clock->advance(std::chrono::milliseconds(1000));
    const auto ping = next(speaking.control);
    REQUIRE(ping.packet.root().body_as_Ping() != nullptr);
    wire::PongT pong;
    pong.sent_ns = ping.packet.root().body_as_Ping()->sent_ns();
    send(speaking.control, PeerId{}, 0, pong);
    check_served(speaking);
  }
  wire::EvalT eval;
  send(silent.data, PeerId{77}, 5, eval);
  CHECK(kind_of(next(silent.data)) == oast::FailureKind::permission_denied);
  check_served(speaking);
}

TEST_CASE("P1: time in which the broker did not run is no silence of its hosts") {
  auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto host = f.host("not to be blamed");
  for (int i = 0; i < 3; ++i) {
    clock->advance(std::chrono::hours(1));
    REQUIRE(next(host.control).packet.root().body_as_Ping() != nullptr);
    check_served(host);
  }
}

TEST_CASE("Two brokers cannot live in one directory; a dead one's directory is taken over") {
  ScratchDirectory scratch;
  broker::Options options;
  options.directory = scratch.path() / "home";
  options.log_level = "off";
  {
    broker::Broker first(options);
    CHECK_THROWS_WITH_AS(broker::Broker{options}, doctest::Contains("another broker lives there"),
                         Error);
  }
  // As after a SIGKILL: files are there, nobody holds the lock.
  std::filesystem::create_directories(options.directory);
  std::ofstream(options.directory / "control.sock");
  std::ofstream(options.directory / "lock");
  std::ofstream(options.directory / "token") << "old";
  broker::Broker second(options);
  CHECK(second.token().size() == 64);
}

TEST_CASE("What is made on the way to a broker's directory is private, whatever the umask") {
  const ScratchDirectory scratch;
  broker::Options options;
  options.directory = scratch.path() / "oast" / "default";
  const broker::Broker broker(options);
  struct stat info {};
  REQUIRE(::stat((scratch.path() / "oast").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("P5: a message of too many frames is refused") {
  BrokerFixture f;
  auto host = f.host();
  auto message = wire::pack(RequestId{1}, wire::EvalT{});
  std::vector<std::string> frames{std::string("\x05\0\0\0\0\0\0\0", 8),
                                  message.message.to_string()};
  frames.insert(frames.end(), 1025, "b");
  send_raw(host.data, frames);
  CHECK(kind_of(next(host.data)) == oast::FailureKind::invalid);
  check_served(host);
}

TEST_CASE("P4: a peer that speaks and never says Hello is closed, one that did is not") {
  const auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto host = f.host();
  zmq::socket_t stranger(f.context, zmq::socket_type::dealer);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.set(zmq::sockopt::reconnect_ivl, -1);
  REQUIRE(::zmq_socket_monitor(stranger.handle(), "inproc://closed", ZMQ_EVENT_DISCONNECTED) == 0);
  zmq::socket_t closed(f.context, zmq::socket_type::pair);
  closed.connect("inproc://closed");
  stranger.connect(f.broker.data_endpoint());
  send(stranger, PeerId{}, 1, wire::EvalT{});
  CHECK(kind_of(next(stranger)) == oast::FailureKind::permission_denied);
  zmq::pollitem_t event{closed.handle(), 0, ZMQ_POLLIN, 0};
  int seconds = 0;
  while (zmq::poll(&event, 1, std::chrono::milliseconds(10)) == 0) {
    REQUIRE(++seconds < 1000);
    clock->advance(std::chrono::milliseconds(1001));
    check_served(host);
  }
  CHECK(seconds >= 4);
  for (int more = 0; more < 10; ++more) {
    clock->advance(std::chrono::milliseconds(1001));
    check_served(host);
  }
  ::zmq_socket_monitor(stranger.handle(), nullptr, 0);
}

TEST_CASE("P6: control is served though data never runs dry") {
  // Time stands still: this host answers no Ping while the flood grows.
  BrokerFixture f({}, std::make_shared<ManualClock>());
  auto host = f.host();
  wire::EvalT slow;  // to verify, and quick to send
  for (int i = 0; i < 5'000; ++i) slow.args.push_back(std::make_unique<wire::ValueT>());
  const wire::Packet packet = wire::pack(RequestId{1}, slow);
  std::atomic<int> sent{0};
  const std::jthread flood([&](const std::stop_token& stop) {
    auto stranger = dealer(f.context, f.broker.data_endpoint());
    stranger.set(zmq::sockopt::linger, 0);
    for (; !stop.stop_requested(); ++sent) {
      stranger.send(zmq::message_t(), zmq::send_flags::sndmore);
      stranger.send(zmq::buffer(packet.message.data(), packet.message.size()),
                    zmq::send_flags::none);
    }
  });
  while (sent < 3000) std::this_thread::yield();
  send(host.control, PeerId{}, 1, wire::ListT{});
  CHECK(next_answer(host.control).packet.root().body_as_Listing() != nullptr);
}

TEST_CASE("P9: a death is seen in the middle of a flood") {
  BrokerFixture f({spec("mute", {"/bin/sh", "-c", "echo $$ > pid; exec sleep 1000"})});
  auto host = f.host();
  wire::StartT start;
  start.spec = "mute";
  start.cwd = f.scratch.path();
  send(host.control, PeerId{}, 1, start);
  pid_t pid = 0;
  while (pid == 0) std::ifstream(f.scratch.path() / "pid") >> pid;
  std::atomic<bool> done{false};
  std::thread flood([&] {
    auto stranger = dealer(f.context, f.broker.data_endpoint());
    while (!done) stranger.send(zmq::str_buffer("garbage"), zmq::send_flags::none);
  });
  ::kill(pid, SIGKILL);
  const auto answer = next_answer(host.control);
  done = true;
  flood.join();
  CHECK(kind_of(answer) == oast::FailureKind::kernel_died);
}

TEST_CASE("A directory that others may enter, or whose path is too long, is refused") {
  ScratchDirectory scratch;
  broker::Options options;
  options.directory = scratch.path() / "open";
  std::filesystem::create_directory(options.directory);
  std::filesystem::permissions(options.directory, std::filesystem::perms(0755));
  CHECK_THROWS_WITH_AS(broker::Broker{options}, doctest::Contains("0700"), Error);
  options.directory = scratch.path() / std::string(120, 'x');
  CHECK_THROWS_WITH_AS(broker::Broker{options}, doctest::Contains("107"), Error);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("P5: a message for which the memory lacks costs its sender, never the broker") {
  BrokerFixture f;
  auto bystander = f.host("bystander");
  auto control = dealer(f.context, f.broker.control_endpoint());
  auto greedy = hello(f.broker.token());
  // No heap of malloc's, which has 64 MiB of addresses from the start, has a place for it.
  greedy.name = std::string((std::size_t{64} << 20) - 4096, 'x');
  auto packet = wire::pack(RequestId{1}, greedy);
  zmq::message_t kept;  // else the memory of what was sent is there again
  kept.copy(packet.message);
  greedy.name = {};
  check_served(bystander);  // the broker's threads are there, with their memory
  // The message comes through; a copy of the name does not fit any more.
  const AddressSpace tight(std::size_t{80} << 20);
  REQUIRE(wire::send(control, PeerId{}, packet));
  CHECK(kind_of(next(control)) == oast::FailureKind::overloaded);
  check_served(bystander);
  send(control, PeerId{}, 2, hello(f.broker.token()));
  CHECK(next(control).packet.root().body_as_Welcome() != nullptr);
}
#endif
