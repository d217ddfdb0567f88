// A real broker in a scratch directory, with a clock that a test moves, and raw peers that dial it.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "oast/broker/broker.hpp"
#include "oast/dial.hpp"
#include "oast/frames.hpp"
#include "scratch_directory.hpp"
#include "waiting.hpp"

namespace oast::test {

/// Stands still until it is moved.
class ManualClock final : public broker::Clock {
 public:
  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void on_jump(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  void advance(std::chrono::milliseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    if (wake_) wake_();
  }

 private:
  mutable std::mutex mutex_;
  TimePoint now_{std::chrono::hours(1)};
  std::function<void()> wake_;
};

inline broker::KernelSpec spec(const std::string& name, std::vector<std::string> argv) {
  broker::KernelSpec result;
  result.name = name;
  result.argv = std::move(argv);
  result.env = {{"PATH", "/usr/bin:/bin"}};
  return result;
}

/// Next message of a DEALER; fails the test when none comes.
inline wire::StartT start_message(const std::string& spec, const std::string& name = "") {
  wire::StartT message;
  message.spec = spec;
  message.name = name;
  return message;
}

inline Failure failure_of(const wire::Addressed& answer) {
  const auto* failure = answer.packet.root().body_as_Failure();
  REQUIRE(failure != nullptr);
  return wire::read(*failure);
}

inline FailureKind kind_of(const wire::Addressed& answer) { return failure_of(answer).kind; }

inline wire::Addressed next(zmq::socket_t& socket) {
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  std::size_t malformed = 0;
  while (std::chrono::steady_clock::now() < deadline) {
    if (auto got = wire::receive(socket, {}, malformed)) return std::move(*got);
    zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, std::chrono::milliseconds(1000));
  }
  FAIL("no message came");
  return {};
}

/// Next message that is no Ping; Pings are answered.
inline wire::Addressed next_answer(zmq::socket_t& control) {
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  for (;;) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);  // Pings go on coming
    auto got = next(control);
    const auto* ping = got.packet.root().body_as_Ping();
    if (ping == nullptr) return got;
    wire::PongT pong;
    pong.sent_ns = ping->sent_ns();
    auto packet = wire::pack(RequestId{}, pong);
    wire::send(control, PeerId{}, packet);
  }
}

template <class Object>
void send(zmq::socket_t& socket, PeerId to, std::uint64_t id, const Object& object) {
  auto packet = wire::pack(RequestId{id}, object);
  REQUIRE(wire::send(socket, to, packet));
}

inline zmq::socket_t dealer(zmq::context_t& context, const std::string& endpoint) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(endpoint);
  return socket;
}

struct BrokerFixture {
  using Adjust = std::function<void(broker::Options&)>;
  explicit BrokerFixture(std::vector<broker::KernelSpec> specs = {},
                         std::shared_ptr<ManualClock> manual = nullptr, const Adjust& adjust = {})
      : clock(std::move(manual)), broker(options(std::move(specs), adjust)) {}

  broker::Options options(std::vector<broker::KernelSpec> specs, const Adjust& adjust) const {
    broker::Options o;
    o.directory = scratch.path() / "b";
    o.specs = std::move(specs);
    o.log_level = "off";
    if (clock)
      o.clock = clock;
    else
      o.heartbeat_misses = 10'000;  // hosts here answer Pings only when their test comes to it
    if (adjust) adjust(o);
    return o;
  }

  /// A host without a pid: only its messages and heartbeats tell of it.
  wire::Connection host(const std::string& name = "test") {
    wire::HelloT hello;
    hello.role = wire::Role::host;
    hello.token = broker.token();
    hello.name = name;
    return wire::dial(context, broker.control_endpoint(), broker.data_endpoint(), hello,
                      std::chrono::duration_cast<std::chrono::milliseconds>(kGenerous));
  }

  ScratchDirectory scratch;
  std::shared_ptr<ManualClock> clock;
  broker::Broker broker;
  zmq::context_t context{1};
};

}  // namespace oast::test
