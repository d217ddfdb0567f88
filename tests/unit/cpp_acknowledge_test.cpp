// What a host says it has done with.
#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "oast/oast.hpp"
#include "scripted_broker.hpp"

namespace oast::test {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kChunk = std::size_t{64} << 10;

wire::Packet output(RequestId id, std::uint64_t number, std::size_t size = kChunk) {
  wire::OutputT out;
  out.text = std::string(size, 'x');
  return wire::pack(id, out, number);
}

/// A host whose worker has a request under way.
struct Asked {
  explicit Asked(EvalOptions options) : host(broker.welcome()), worker(broker.attach(host)) {
    answer = worker.remote_eval("1", std::move(options));
    id = broker.next(broker.data(), wire::Body::Eval);
  }
  ~Asked() { broker.end(); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  void send(wire::Packet packet) { broker.send(broker.data(), kKernel, std::move(packet)); }
  void finish(std::uint64_t number) {
    send(wire::pack(id, wire::ResultT{}, number));
    REQUIRE(answer.wait_for(kGenerous));
  }
  wire::AcknowledgeT acknowledged() {
    const auto got = broker.take(broker.data(), wire::Body::Acknowledge);
    CHECK(got.to == PeerId{});
    wire::AcknowledgeT result;
    got.root().body_as_Acknowledge()->UnPackTo(&result);
    CHECK(result.kernel == kKernel.value);
    return result;
  }
  /// All that the host has sent by now was no acknowledgement.
  void check_silence() {
    const auto later = worker.remote_eval("2");
    const auto next = broker.poll(broker.data(), kGenerous);
    REQUIRE(next.has_value());
    CHECK(next->root().body_type() == wire::Body::Eval);
  }

  ScriptedBroker broker;
  Broker host;
  Worker worker;
  Future<Value> answer;
  RequestId id;
};

}  // namespace

TEST_CASE("P4: output is acknowledged each 256 KiB when its callback has returned") {
  std::size_t seen = 0;
  Asked asked({.on_output = [&](const Output& o) { seen += o.text.size(); }});
  for (std::uint64_t number = 1; number <= 9; ++number) asked.send(output(asked.id, number));
  CHECK(asked.acknowledged().number == 4);
  CHECK(asked.acknowledged().number == 8);
  asked.finish(10);
  CHECK(seen == 9 * kChunk);
  asked.check_silence();
}

TEST_CASE("P4: output that nobody takes is acknowledged, and so are results") {
  Asked asked({});
  for (std::uint64_t number = 1; number <= 4; ++number) asked.send(output(asked.id, number));
  CHECK(asked.acknowledged().number == 4);
  wire::ResultT result;
  result.value = std::make_unique<wire::ValueT>();
  result.value->kind = wire::ValueKind::string;
  result.value->text = std::string(5 * kChunk, 'x');
  asked.send(wire::pack(asked.id, result, 5));
  CHECK(asked.acknowledged().number == 5);
  REQUIRE(asked.answer.wait_for(kGenerous));
}

TEST_CASE("a small round trip costs no acknowledgement") {
  Asked asked({});
  asked.send(output(asked.id, 1, 10));
  asked.finish(2);
  asked.check_silence();
}

TEST_CASE("P4: a host that is asked acknowledges what is done, however little, and no more") {
  OutputHold hold;
  Asked asked({.on_output = [&](const Output& o) {
    if (o.text.size() == 20) hold = hold_output();
  }});
  const auto ask = [&](std::uint64_t number) {
    wire::AcknowledgeT wanted;
    wanted.kernel = kKernel.value;
    wanted.number = number;
    asked.broker.send(asked.broker.data(), {}, wire::pack(RequestId{}, wanted));
  };
  asked.send(output(asked.id, 1, 10));
  ask(1);
  CHECK(asked.acknowledged().number == 1);
  asked.send(output(asked.id, 2, 20));
  ask(2);
  asked.send(output(asked.id, 3, 10));
  asked.finish(4);
  asked.check_silence();
  hold.reset();
  CHECK(asked.acknowledged().number == 4);
}

TEST_CASE("P4: output that somebody holds is not acknowledged, nor what comes after it") {
  std::mutex mutex;
  std::vector<OutputHold> holds;
  Asked asked({.on_output = [&](const Output&) {
    const std::lock_guard lock(mutex);
    holds.push_back(hold_output());
    CHECK(hold_output() == holds.back());
  }});
  for (std::uint64_t number = 1; number <= 8; ++number) asked.send(output(asked.id, number));
  asked.finish(9);
  const std::lock_guard lock(mutex);
  REQUIRE(holds.size() == 8);
  asked.check_silence();
  for (std::size_t i = 7; i >= 1; --i) holds[i].reset();  // all but the first
  asked.check_silence();
  holds[0].reset();
  CHECK(asked.acknowledged().number == 9);
  CHECK(hold_output() == nullptr);
}

TEST_CASE("P4: a callback that blocks holds its kernel back and no acknowledgement passes it") {
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  bool first = true;
  Asked asked({.on_output = [&, may_go_on](const Output&) {
    if (std::exchange(first, false)) {
      begun.set_value();
      may_go_on.wait();
    }
  }});
  for (std::uint64_t number = 1; number <= 4; ++number) asked.send(output(asked.id, number));
  REQUIRE(begun.get_future().wait_for(kGenerous) == std::future_status::ready);
  CHECK_FALSE(asked.broker.poll(asked.broker.data(), 50ms).has_value());
  go_on.set_value();
  CHECK(asked.acknowledged().number == 4);
}

TEST_CASE("a request says when it has to be over, and whether it is kept") {
  Asked asked({});
  const auto limited =
      asked.worker.remote_eval("1", {.timeout = 1500ms, .kill_after = 200ms, .keep = true});
  const auto sent = asked.broker.take(asked.broker.data(), wire::Body::Eval);
  const auto* eval = sent.root().body_as_Eval();
  CHECK(eval->timeout_ms() == 1500);
  CHECK(eval->kill_ms() == 200);
  CHECK(eval->keep());
  CHECK(limited.key() == RequestKey{asked.host.self(), sent.id()});
  const auto plain = asked.worker.remote_call("f");
  const auto call = asked.broker.take(asked.broker.data(), wire::Body::Call);
  CHECK(call.root().body_as_Call()->timeout_ms() == 0);
  CHECK(call.root().body_as_Call()->kill_ms() == 0);
  CHECK_FALSE(call.root().body_as_Call()->keep());
}

}  // namespace oast::test
