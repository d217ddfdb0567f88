// A host of an earlier version than its broker and its kernels, which say what it cannot read.
#include <doctest/doctest.h>

#include <future>
#include <utility>

#include "oast/oast.hpp"
#include "scripted_broker.hpp"
#include "unreadable.hpp"

namespace oast::test {

TEST_CASE("a connection that was cut before it joined is no refusal: another try may go well") {
  ScriptedBroker broker;
  const Failure refusal{
      FailureKind::permission_denied, "the first message must be Join", {}, {}, {}};
  CHECK(kind_of([&] { broker.welcome(wire::pack(RequestId{}, refusal)); }) ==
        FailureKind::disconnected);
  broker.end();
}

TEST_CASE("P1: an answer that the host cannot read ends its request") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  Worker worker = broker.attach(host);
  const auto get = [](const Future<Value>& future) {
    REQUIRE(future.wait_for(kGenerous));
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
  REQUIRE(goes_on.wait_for(kGenerous));
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
  REQUIRE(future.wait_for(kGenerous));
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
  REQUIRE(future.wait_for(kGenerous));
  broker.end();
}

TEST_CASE("P1: an answer of the broker that the host cannot read ends its request") {
  ScriptedBroker broker;
  const Broker host = broker.welcome();
  auto listing = std::async(std::launch::async, [&] { return host.list(); });
  auto& control = broker.control();
  broker.send(control, {},
              of_later_version(wire::pack(broker.next(control, wire::Body::List), wire::OkT{})));
  REQUIRE(listing.wait_for(kGenerous) == std::future_status::ready);
  CHECK(kind_of([&] { listing.get(); }) == FailureKind::unimplemented);
  broker.end();
}

}  // namespace oast::test
