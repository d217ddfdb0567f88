// The broker's side of one host, in the hands of a test.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "oast/frames.hpp"
#include "oast/oast.hpp"
#include "scratch_directory.hpp"
#include "waiting.hpp"

namespace oast::test {

inline constexpr PeerId kKernel{7};

/// The broker's side of one host, in the test's hands.
class ScriptedBroker {
 public:
  ScriptedBroker() {
    std::ofstream(scratch_.file("token")) << "secret";
    for (auto* end : {&control_, &data_}) {
      end->socket.set(zmq::sockopt::linger, 0);
      end->socket.bind("ipc://" + scratch_.file(end->name));
    }
  }
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  struct End {
    zmq::socket_t socket;
    std::string name;
    std::string route = {};
  };
  End& control() { return control_; }
  End& data() { return data_; }

  struct Received {
    PeerId to;
    wire::Packet packet;
    const wire::Message& root() const { return packet.root(); }
    RequestId id() const { return RequestId{packet.root().id()}; }
  };
  /// The next message of that type; others are dropped.
  Received take(End& end, wire::Body body) {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    while (std::chrono::steady_clock::now() < deadline) {
      if (auto received = poll(end, std::chrono::milliseconds(100)))
        if (received->root().body_type() == body) return std::move(*received);
    }
    FAIL("the host did not send it");
    return {};
  }
  /// Its id.
  RequestId next(End& end, wire::Body body) { return take(end, body).id(); }
  /// The next message, or nothing when none comes in time.
  std::optional<Received> poll(End& end, std::chrono::milliseconds time) {
    auto frames = wire::receive_frames(end.socket, 10);
    if (!frames) {
      zmq::pollitem_t item{end.socket.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, time);
      frames = wire::receive_frames(end.socket, 10);
    }
    if (!frames) return std::nullopt;
    end.route = frames->at(0).to_string();
    Received received{wire::read_address(frames->at(1)).value(), {}};
    received.packet.message = std::move(frames->at(2));
    return received;
  }
  void send(End& end, PeerId from, wire::Packet packet, const wire::Route& route = {}) {
    end.socket.send(zmq::buffer(end.route), zmq::send_flags::sndmore);
    REQUIRE(wire::send(end.socket, from, packet, route));
  }

  /// As Broker::connect, with what the broker answers to Join.
  Broker welcome(wire::Packet joined = wire::pack(RequestId{}, wire::JoinedT{})) {
    auto host = std::async(std::launch::async,
                           [this] { return Broker::connect(scratch_.path().string(), {}); });
    next(control_, wire::Body::Hello);
    wire::WelcomeT welcome;
    welcome.version = wire::kVersion;
    welcome.peer = 100;
    welcome.ticket = {1};
    welcome.heartbeat_ms = 600'000;
    welcome.heartbeat_misses = 5;
    send(control_, {}, wire::pack(RequestId{}, welcome));
    next(data_, wire::Body::Join);
    send(data_, {}, std::move(joined));
    return host.get();
  }
  /// So that a host that leaves does not wait for the answer to its Goodbye.
  void end() {
    control_.socket.close();
    data_.socket.close();
  }
  Worker attach(const Broker& broker) {
    auto worker = std::async(std::launch::async, [&] { return broker.attach("old"); });
    wire::KernelT kernel;
    kernel.info = std::make_unique<wire::KernelInfoT>();
    kernel.info->id = kKernel.value;
    kernel.info->name = "old";
    kernel.info->state = wire::KernelState::idle;
    send(control_, {}, wire::pack(next(control_, wire::Body::Attach), kernel));
    return worker.get();
  }

 private:
  const ScratchDirectory scratch_;
  zmq::context_t context_{1};
  End control_{zmq::socket_t(context_, zmq::socket_type::router), "control.sock"};
  End data_{zmq::socket_t(context_, zmq::socket_type::router), "data.sock"};
};

template <class Get>
FailureKind kind_of(const Get& get) {
  try {
    get();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("it did not fail");
  return {};
}

}  // namespace oast::test
