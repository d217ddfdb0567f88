// Reading a kernel's log.
#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "oast/oast.hpp"
#include "scripted_broker.hpp"

namespace oast::test {

namespace {

using namespace std::chrono_literals;

constexpr PeerId kOther{55};
constexpr RequestId kRequest{9};

struct Reading {
  explicit Reading(const LogOptions& options = {})
      : host(broker.welcome()),
        reader(host.read_log(KernelId{kKernel.value}, options)),
        asked(broker.take(broker.data(), wire::Body::ReadLog)) {}
  ~Reading() { broker.end(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  void record(wire::Packet packet) {
    broker.send(broker.data(), kKernel, std::move(packet), {.reader = asked.id(), .host = kOther});
  }
  void output(std::uint64_t number, std::string text) {
    wire::OutputT out;
    out.text = std::move(text);
    record(wire::pack(kRequest, out, number));
  }
  template <class Object>
  void say(const Object& object) {
    broker.send(broker.data(), {}, wire::pack(asked.id(), object));
  }
  void end(std::uint64_t next) {
    wire::LogEndT over;
    over.next = next;
    say(over);
  }
  std::optional<LogRecord> next() { return reader.next_for(kGenerous); }

  ScriptedBroker broker;
  Broker host;
  LogReader reader;
  ScriptedBroker::Received asked;
};

}  // namespace

TEST_CASE("what comes over two connections, the one that was cut and the next, is read once") {
  Reading reading;
  for (const std::uint64_t number : {1, 2, 3, 2, 3, 4}) reading.output(number, "x");
  reading.end(5);
  for (std::uint64_t number = 1; number <= 4; ++number) {
    const auto record = reading.next();
    REQUIRE(record.has_value());
    CHECK(record->number == number);
  }
  CHECK_FALSE(reading.next().has_value());
}

TEST_CASE("a reader asks for what it was told to") {
  Reading reading({.from = 17, .host = kOther, .request = kRequest, .follow = true});
  const auto* asked = reading.asked.root().body_as_ReadLog();
  CHECK(reading.asked.to == PeerId{});
  CHECK(asked->kernel() == kKernel.value);
  CHECK(asked->from() == 17);
  CHECK(asked->host() == kOther.value);
  CHECK(asked->request() == kRequest.value);
  CHECK(asked->follow());
  CHECK(reading.reader.position() == 17);
}

TEST_CASE("a reader gets every kind of record in order, then the end") {
  Reading reading;
  wire::GapT gap;
  gap.kernel = kKernel.value;
  gap.first = 1;
  gap.last = 3;
  gap.bytes = 99;
  reading.say(gap);
  reading.output(4, "hello");
  wire::InputRequestT input;
  input.prompt = "name?";
  reading.record(wire::pack(kRequest, input, 5));
  wire::ResultT result;
  result.value = std::make_unique<wire::ValueT>();
  result.value->kind = wire::ValueKind::int64;
  result.value->integer = 42;
  reading.record(wire::pack(kRequest, result, 6));
  reading.record(wire::pack(RequestId{10}, Failure{.message = "boom"}, 7));
  wire::EndedT ended;
  ended.death = std::make_unique<wire::DeathT>();
  ended.death->signal = 9;
  ended.successor = 8;
  reading.record(wire::pack(RequestId{}, ended, 8));
  reading.end(9);

  auto record = reading.next();
  REQUIRE(record.has_value());
  const auto& missing = std::get<LogGap>(record->what);
  CHECK(missing.first == 1);
  CHECK(missing.last == 3);
  CHECK(missing.bytes == 99);
  CHECK(reading.reader.position() == 4);
  record = reading.next();
  REQUIRE(record.has_value());
  CHECK(record->number == 4);
  CHECK(record->request == RequestKey{kOther, kRequest});
  CHECK(std::get<Output>(record->what).text == "hello");
  record = reading.next();
  CHECK(std::get<LogInput>(record->what).prompt == "name?");
  record = reading.next();
  CHECK(std::get<LogValue>(record->what).get().as<int>() == 42);
  record = reading.next();
  CHECK(std::get<Failure>(record->what).message == "boom");
  CHECK(record->request.id == RequestId{10});
  record = reading.next();
  CHECK(std::get<LogEnded>(record->what).death.signal == 9);
  CHECK(std::get<LogEnded>(record->what).successor == KernelId{8});
  CHECK_FALSE(reading.next().has_value());
  CHECK_FALSE(reading.next().has_value());
  CHECK(reading.reader.position() == 9);
}

TEST_CASE("P4: a reader acknowledges what was taken from it, not what came") {
  Reading reading;
  constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
  for (std::uint64_t number = 1; number <= 8; ++number)
    reading.output(number, std::string(kChunkBytes, 'x'));
  for (int i = 0; i < 3; ++i) REQUIRE(reading.next().has_value());
  CHECK_FALSE(reading.broker.poll(reading.broker.data(), 50ms).has_value());
  REQUIRE(reading.next().has_value());
  const auto got = reading.broker.take(reading.broker.data(), wire::Body::Acknowledge);
  const auto* acknowledge = got.root().body_as_Acknowledge();
  CHECK(acknowledge->kernel() == kKernel.value);
  CHECK(acknowledge->number() == 4);
  CHECK(acknowledge->reader() == reading.asked.id().value);
}

TEST_CASE("a reader of what does not exist fails, and one without news times out") {
  Reading reading;
  CHECK(kind_of([&] { reading.reader.next_for(1ms); }) == FailureKind::timeout);
  CHECK_FALSE(reading.reader.ready());
  reading.broker.send(reading.broker.data(), {},
                      wire::pack(reading.asked.id(), Failure{.kind = FailureKind::not_found}));
  CHECK(kind_of([&] { reading.next(); }) == FailureKind::not_found);
}

TEST_CASE("closing a reader ends it here and at the broker") {
  Reading reading({.follow = true});
  auto waiting = std::async(std::launch::async, [&] { return reading.next(); });
  reading.reader.close();
  reading.reader.close();
  CHECK_FALSE(waiting.get().has_value());
  const auto closed = reading.broker.take(reading.broker.data(), wire::Body::CloseLog);
  CHECK(closed.root().body_as_CloseLog()->reader() == reading.asked.id().value);
  reading.output(1, "late");
  CHECK_FALSE(reading.next().has_value());
}

TEST_CASE("whoever does not wait is called when there is a record") {
  Reading reading;
  std::promise<void> called;
  reading.reader.when_ready([&] { called.set_value(); });
  reading.output(1, "x");
  REQUIRE(called.get_future().wait_for(kGenerous) == std::future_status::ready);
  CHECK(reading.reader.ready());
  bool at_once = false;
  reading.reader.when_ready([&] { at_once = true; });
  CHECK(at_once);
}

}  // namespace oast::test
