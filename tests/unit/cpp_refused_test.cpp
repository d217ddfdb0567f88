// A host of an earlier version than its broker and its kernels, which say what it cannot read.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "oast/frames.hpp"
#include "oast/oast.hpp"
#include "unreadable.hpp"

namespace oast::test {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kPatience{20};
constexpr PeerId kKernel{7};

/// The broker's side of one host, in the test's hands.
class ScriptedBroker {
 public:
  ScriptedBroker() {
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
    std::ofstream(directory_ / "token") << "secret";
    for (auto* end : {&control_, &data_}) {
      end->socket.set(zmq::sockopt::linger, 0);
      end->socket.bind("ipc://" + (directory_ / end->name).string());
    }
  }
  ~ScriptedBroker() { std::filesystem::remove_all(directory_); }
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  struct End {
    zmq::socket_t socket;
    std::string name;
    std::string route = {};
  };
  End& control() { return control_; }
  End& data() { return data_; }

  /// The id of the next message of that type.
  RequestId next(End& end, wire::Body body) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      auto frames = wire::receive_frames(end.socket, 10);
      if (!frames) {
        zmq::pollitem_t item{end.socket.handle(), 0, ZMQ_POLLIN, 0};
        zmq::poll(&item, 1, 100ms);
        continue;
      }
      end.route = frames->at(0).to_string();
      const wire::Packet packet{std::move(frames->at(2)), {}};
      const auto head = wire::read_head(packet);
      if (head.body == body) return head.id;
    }
    FAIL("the host did not send it");
    return {};
  }
  void send(End& end, PeerId from, wire::Packet packet) {
    end.socket.send(zmq::buffer(end.route), zmq::send_flags::sndmore);
    REQUIRE(wire::send(end.socket, from, packet));
  }

  Broker welcome() {
    auto host =
        std::async(std::launch::async, [this] { return Broker::connect(directory_.string(), {}); });
    next(control_, wire::Body::Hello);
    wire::WelcomeT welcome;
    welcome.version = wire::kVersion;
    welcome.peer = 100;
    welcome.ticket = {1};
    welcome.heartbeat_ms = 600'000;
    welcome.heartbeat_misses = 5;
    send(control_, {}, wire::pack(RequestId{}, welcome));
    next(data_, wire::Body::Join);
    send(data_, {}, wire::pack(RequestId{}, wire::JoinedT{}));
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
  static std::filesystem::path scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "oast-test-XXXXXX").string();
    return ::mkdtemp(pattern.data());
  }

  const std::filesystem::path directory_ = scratch();
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

}  // namespace

TEST_CASE("P1: an answer that the host cannot read ends its request") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  Worker worker = broker.attach(host);
  const auto get = [](const Future<Value>& future) {
    REQUIRE(future.wait_for(kPatience));
    return kind_of([&] { future.get(); });
  };
  auto& data = broker.data();

  const auto later = worker.remote_eval("1");
  broker.send(data, kKernel,
              of_later_version(wire::pack(broker.next(data, wire::Body::Eval), wire::ResultT{})));
  CHECK(get(later) == FailureKind::unimplemented);

  const auto unreadable = worker.remote_eval("2");
  wire::ResultT result;
  result.value = later_value();
  broker.send(data, kKernel, wire::pack(broker.next(data, wire::Body::Eval), result));
  CHECK(get(unreadable) == FailureKind::invalid);

  const auto goes_on = worker.remote_eval("3");
  const auto id = broker.next(data, wire::Body::Eval);
  // Neither of these is an answer of the kernel that was asked.
  broker.send(data, PeerId{8}, of_later_version(wire::pack(id, wire::ResultT{})));
  broker.send(data, kKernel, of_later_version(wire::pack(RequestId{99}, wire::ResultT{})));
  broker.send(data, kKernel, wire::pack(id, wire::ResultT{}));
  REQUIRE(goes_on.wait_for(kPatience));
  CHECK(goes_on.get().is_nil());
  broker.end();
}

TEST_CASE("P2: output that the host cannot read is no silent gap") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  Worker worker = broker.attach(host);
  auto& data = broker.data();
  const auto future = worker.remote_eval("1");
  const auto id = broker.next(data, wire::Body::Eval);
  auto output = wire::pack(id, wire::OutputT{});
  output.buffers.resize(wire::Limits{}.buffer_count + 1);
  broker.send(data, kKernel, std::move(output));
  broker.send(data, kKernel, wire::pack(id, wire::ResultT{}));
  REQUIRE(future.wait_for(kPatience));
  CHECK(kind_of([&] { future.get(); }) == FailureKind::invalid);
  broker.end();
}

TEST_CASE("P4: a request for input that the host cannot read is answered with the end of input") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  Worker worker = broker.attach(host);
  auto& data = broker.data();
  const auto future = worker.remote_eval("1");
  const auto id = broker.next(data, wire::Body::Eval);
  auto asked = wire::pack(id, wire::InputRequestT{});
  asked.buffers.resize(wire::Limits{}.buffer_count + 1);
  broker.send(data, kKernel, std::move(asked));
  CHECK(broker.next(data, wire::Body::InputReply) == id);
  broker.send(data, kKernel, wire::pack(id, wire::ResultT{}));
  REQUIRE(future.wait_for(kPatience));
  broker.end();
}

TEST_CASE("P1: an answer of the broker that the host cannot read ends its request") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  auto listing = std::async(std::launch::async, [&] { return host.list(); });
  auto& control = broker.control();
  broker.send(control, {},
              of_later_version(wire::pack(broker.next(control, wire::Body::List), wire::OkT{})));
  REQUIRE(listing.wait_for(kPatience) == std::future_status::ready);
  CHECK(kind_of([&] { listing.get(); }) == FailureKind::unimplemented);
  broker.end();
}

}  // namespace oast::test
