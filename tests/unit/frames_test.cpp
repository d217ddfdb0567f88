// Packets on real sockets.
#include "oast/frames.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

#include "messages.hpp"
#include "scratch_directory.hpp"

using namespace oast;
using oast::test::ScratchDirectory;
using oast::testing::every_kind;
using oast::testing::read_result;
using oast::testing::result;
using wire::Packet;

namespace {

/// Two connected DEALERs.
struct Pair {
  explicit Pair(const std::string& endpoint, int queue = 1000) {
    for (auto* socket : {&left, &right}) {
      socket->set(zmq::sockopt::sndhwm, queue);
      socket->set(zmq::sockopt::rcvhwm, queue);
      socket->set(zmq::sockopt::linger, 0);
    }
    right.bind(endpoint);
    left.connect(endpoint);
  }

  zmq::context_t context;
  zmq::socket_t left{context, zmq::socket_type::dealer};
  zmq::socket_t right{context, zmq::socket_type::dealer};
};

/// Waits until `socket` has something.
void await(zmq::socket_t& socket) {
  zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  REQUIRE(zmq::poll(&item, 1, std::chrono::seconds(60)) == 1);
}

/// The next good message; counts the bad ones before it.
wire::Addressed await_message(zmq::socket_t& socket, std::size_t& malformed,
                              const wire::Limits& limits = {}) {
  for (;;) {
    await(socket);
    if (auto got = wire::receive(socket, limits, malformed)) return std::move(*got);
  }
}

void send_raw(zmq::socket_t& socket, const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool last = i + 1 == frames.size();
    REQUIRE(socket.send(zmq::message_t(frames[i]),
                        last ? zmq::send_flags::none : zmq::send_flags::sndmore));
  }
}

bool is_aligned(const zmq::message_t& frame) {
  return reinterpret_cast<std::uintptr_t>(frame.data()) % wire::kAlignment == 0;
}

}  // namespace

TEST_CASE("an address frame is eight bytes, little-endian, and the broker's is empty") {
  CHECK(wire::address_frame(PeerId{}).empty());
  const auto frame = wire::address_frame(PeerId{0x0102030405060708});
  CHECK(frame.to_string() == "\x08\x07\x06\x05\x04\x03\x02\x01");
  for (const PeerId peer : {PeerId{}, PeerId{1}, PeerId{UINT64_MAX}}) {
    CHECK(wire::read_address(wire::address_frame(peer)) == peer);
  }
  for (const std::size_t size : {1, 4, 7, 9, 64}) {
    CHECK(wire::read_address(zmq::message_t(std::string(size, 'x'))) == std::nullopt);
  }
  CHECK(wire::read_address(zmq::message_t(std::string(8, '\0'))) == std::nullopt);
}

TEST_CASE("what is sent is received, with its address and its buffers") {
  Pair pair("inproc://pair");
  Packet packet = result(every_kind());
  REQUIRE(wire::send(pair.left, PeerId{42}, packet));
  std::size_t malformed = 0;
  auto got = await_message(pair.right, malformed);
  CHECK(malformed == 0);
  CHECK(got.peer == PeerId{42});
  CHECK(read_result(got.packet) == Value(every_kind()));
  CHECK(wire::receive(pair.right, {}, malformed) == std::nullopt);
  CHECK(malformed == 0);
}

TEST_CASE("frames are aligned, also those that libzmq cuts out of a larger read") {
  const ScratchDirectory directory;
  Pair pair("ipc://" + directory.file("s"));
  wire::Writer writer;
  std::size_t malformed = 0;
  for (std::size_t size = 0; size < 20000; size = size * 5 / 4 + 1) {
    const Value value(Value::List{std::string(size, 'x'), testing::tensor(DType::uint8, {64}),
                                  testing::tensor(DType::int8, {35})});
    Packet one = result(writer, value);
    Packet other = result(writer, value);
    REQUIRE(wire::send(pair.left, PeerId{1}, one));
    REQUIRE(wire::send(pair.left, PeerId{1}, other));
    auto got = await_message(pair.right, malformed);
    CHECK(is_aligned(got.packet.message));
    for (const auto& buffer : got.packet.buffers) CHECK(is_aligned(buffer));
    CHECK(read_result(got.packet) == value);
    await(pair.right);
    const auto frames = wire::receive_frames(pair.right, 10);
    REQUIRE(frames.has_value());
    CHECK(frames->size() == 4);
    for (const auto& frame : *frames) CHECK(is_aligned(frame));
  }
  CHECK(malformed == 0);
}

TEST_CASE("receiving does not wait") {
  Pair pair("inproc://pair");
  std::size_t malformed = 0;
  CHECK(wire::receive_frames(pair.right, 10) == std::nullopt);
  CHECK(wire::receive(pair.right, {}, malformed) == std::nullopt);
  CHECK(malformed == 0);
}

TEST_CASE("frames beyond the most are thrown away, and the next message is whole") {
  Pair pair("inproc://pair");
  send_raw(pair.left, std::vector<std::string>(100, "frame"));
  send_raw(pair.left, {"a", "b", "c"});
  await(pair.right);
  const auto many = wire::receive_frames(pair.right, 3);
  REQUIRE(many.has_value());
  REQUIRE(many->size() == 4);
  CHECK(many->at(2).to_string() == "frame");
  CHECK(many->at(3).empty());
  const auto next = wire::receive_frames(pair.right, 3);
  REQUIRE(next.has_value());
  REQUIRE(next->size() == 3);
  CHECK(next->at(2).to_string() == "c");
}

TEST_CASE("P5: what is no message is dropped and counted, and the next one arrives") {
  Pair pair("inproc://pair");
  const std::string address = wire::address_frame(PeerId{7}).to_string();
  const Packet good = result("good");
  const std::string message = good.message.to_string();
  const std::vector<std::vector<std::string>> bad{
      {""},                             // no message
      {address},                        // no message
      {"address", message},             // no address
      {std::string(8, '\0'), message},  // the broker by the wrong name
      {address, ""},
      {address, "garbage"},
      {address, message.substr(0, message.size() / 2)},
      {address, message, "1", "2", "3"},  // more buffers than the limit
      {address, message, std::string(1000, 'x')},
  };
  const wire::Limits limits{.buffer_count = 2, .total_bytes = 1000};
  for (const auto& frames : bad) {
    send_raw(pair.left, frames);
    Packet packet = result("good");
    REQUIRE(wire::send(pair.left, PeerId{7}, packet));
    std::size_t malformed = 0;
    auto got = await_message(pair.right, malformed, limits);
    CHECK(malformed == 1);
    CHECK(got.peer == PeerId{7});
    CHECK(read_result(got.packet) == Value("good"));
  }
}

TEST_CASE("a packet that cannot be sent now stays whole and is sent later") {
  const ScratchDirectory directory;
  zmq::context_t context;
  zmq::socket_t left(context, zmq::socket_type::dealer);
  left.set(zmq::sockopt::linger, 0);
  Packet packet = result(every_kind());
  CHECK_FALSE(wire::send(left, PeerId{1}, packet));  // nobody is connected
  CHECK(wire::verify(packet) == std::nullopt);

  zmq::socket_t right(context, zmq::socket_type::dealer);
  right.bind("ipc://" + directory.file("s"));
  left.connect("ipc://" + directory.file("s"));
  REQUIRE(wire::send(left, PeerId{1}, packet));
  std::size_t malformed = 0;
  auto got = await_message(right, malformed);
  CHECK(read_result(got.packet) == Value(every_kind()));
}

TEST_CASE("a full queue takes whole messages or none") {
  Pair pair("inproc://pair", 3);
  wire::Writer writer;
  std::int64_t sent = 0;
  for (bool full = false; !full;) {
    const Value value(Value::List{sent, testing::tensor(DType::int8, {9})});
    Packet packet = result(writer, value);
    full = !wire::send(pair.left, PeerId{1}, packet);
    if (full) CHECK(wire::verify(packet) == std::nullopt);
    sent += full ? 0 : 1;
    REQUIRE(sent < 1000);
  }
  CHECK(sent > 0);
  std::size_t malformed = 0;
  for (std::int64_t i = 0; i < sent; ++i) {
    auto got = await_message(pair.right, malformed);
    CHECK(read_result(got.packet).as<Value::List>()[0] == Value(i));
  }
  CHECK(wire::receive_frames(pair.right, 10) == std::nullopt);
  CHECK(malformed == 0);
}

TEST_CASE("a large buffer reaches a thread of the same process without being copied") {
  Pair pair("inproc://pair");
  const auto buffer = Buffer::copy_of(std::string(100'000, 'x'));
  Packet packet = result(buffer);
  REQUIRE(wire::send(pair.left, PeerId{1}, packet));
  std::size_t malformed = 0;
  auto got = await_message(pair.right, malformed);
  CHECK(read_result(got.packet).as<Buffer>().bytes().data() == buffer.bytes().data());
}

TEST_CASE("packets keep their content and their order from thread to thread") {
  Pair pair("inproc://pair", 10);
  constexpr int kCount = 300;
  const auto value = [](int i) {
    return Value(Value::List{i, std::string(100, 'x'), testing::tensor(DType::uint8, {5000})});
  };
  std::thread sender([&] {
    wire::Writer writer;
    for (int i = 0; i < kCount; ++i) {
      Packet packet = result(writer, value(i));
      while (!wire::send(pair.left, PeerId{1}, packet)) {
        zmq::pollitem_t item{pair.left.handle(), 0, ZMQ_POLLOUT, 0};
        zmq::poll(&item, 1, std::chrono::seconds(60));
      }
    }
  });
  std::size_t malformed = 0;
  for (int i = 0; i < kCount; ++i) {
    auto got = await_message(pair.right, malformed);
    CHECK(read_result(got.packet) == value(i));
  }
  sender.join();
  CHECK(malformed == 0);
}
