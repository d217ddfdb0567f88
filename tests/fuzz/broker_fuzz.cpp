// Bytes into a living broker: from a stranger and from a host that was let in, on control and on
// data. After every input the broker must still serve a bystander.
//
// Input: groups of `[selector][count]` and, for each of `count & 7` frames, `[length][bytes]`.
// The selector's low bits choose the connection; a first frame of length 255 stands for an empty
// one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "oast/broker/broker.hpp"
#include "oast/dial.hpp"
#include "oast/frames.hpp"

namespace {

using namespace oast;

constexpr std::chrono::seconds kPatience{30};

struct World {
  World() : broker(options()) {
    bystander = dial("bystander");
    host = dial("host");
    renew_strangers();
  }

  static broker::Options options() {
    broker::Options o;
    o.inproc = true;
    o.log_level = "off";
    // One kernel program that is none: Start reaches the launcher.
    o.specs.push_back({.name = "x", .argv = {"/bin/false"}});
    return o;
  }

  wire::Connection dial(const char* name) {
    wire::HelloT hello;
    hello.token = broker.token();
    hello.name = name;
    return wire::dial(broker.context(), broker.control_endpoint(), broker.data_endpoint(), hello,
                      kPatience);
  }

  zmq::socket_t dealer(const std::string& endpoint) {
    zmq::socket_t socket(broker.context(), zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(endpoint);
    return socket;
  }

  void renew_strangers() {
    stranger_control = dealer(broker.control_endpoint());
    stranger_data = dealer(broker.data_endpoint());
  }

  zmq::socket_t& choose(std::uint8_t selector) {
    switch (selector & 3) {
      case 0:
        return host.data;
      case 1:
        return host.control;
      case 2:
        return stranger_data;
      default:
        return stranger_control;
    }
  }

  broker::Broker broker;
  wire::Connection bystander;
  wire::Connection host;
  zmq::socket_t stranger_control;
  zmq::socket_t stranger_data;
};

[[noreturn]] void broken(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::abort();
}

void drain(zmq::socket_t& socket) {
  while (wire::receive_frames(socket, 2000)) {
  }
}

/// Asks for the specs and waits for them, whatever else arrives.
void check_served(World& world) {
  auto ask = wire::pack(RequestId{7}, wire::ListSpecsT{});
  wire::send(world.bystander.control, PeerId{}, ask);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::size_t malformed = 0;
  while (std::chrono::steady_clock::now() < deadline) {
    while (auto got = wire::receive(world.bystander.control, {}, malformed)) {
      if (malformed != 0) broken("the broker sent a malformed message");
      if (got->packet.root().body_as_Specs() != nullptr) return;
      if (const auto* ping = got->packet.root().body_as_Ping()) {
        wire::PongT pong;
        pong.sent_ns = ping->sent_ns();
        auto answer = wire::pack(RequestId{}, pong);
        wire::send(world.bystander.control, PeerId{}, answer);
      }
    }
    zmq::pollitem_t item{world.bystander.control.handle(), 0, ZMQ_POLLIN, 0};
    ::zmq_poll(&item, 1, 1000);  // which libFuzzer's timer may end early
  }
  broken("the broker no longer serves a bystander");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  static unsigned inputs = 0;
  std::size_t at = 0;
  const auto byte = [&]() -> std::uint8_t { return at < size ? data[at++] : 0; };
  while (at < size) {
    zmq::socket_t& socket = world.choose(byte());
    const unsigned frames = byte() & 7U;
    for (unsigned i = 0; i < frames; ++i) {
      std::size_t length = byte();
      if (length == 255) length = 0;
      // The last frame takes what is left, so that whole messages fit.
      if (i + 1 == frames && i > 0 && length >= 250) length = size - at;
      length = std::min(length, size - at);
      const bool more = i + 1 < frames;
      socket.send(zmq::buffer(data + at, length),
                  more ? zmq::send_flags::sndmore : zmq::send_flags::none);
      at += length;
    }
  }
  check_served(world);
  drain(world.host.control);
  drain(world.host.data);
  drain(world.stranger_control);
  drain(world.stranger_data);
  // The host may have said goodbye; strangers pile up nothing, but connections are renewed as well.
  if (++inputs % 256 == 0) {
    world.host = world.dial("host");
    world.renew_strangers();
  }
  return 0;
}
