// The log of a kernel as hosts and kernels see it: records, acknowledgements, readers.
#include <doctest/doctest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "raw_kernel.hpp"

using namespace oast;
using namespace oast::test;

namespace {

wire::OutputT output(std::size_t bytes, char c = 'x') {
  wire::OutputT result;
  result.text = std::string(bytes, c);
  return result;
}

void acknowledge(wire::Connection& host, PeerId kernel, std::uint64_t number,
                 std::uint64_t reader = 0) {
  wire::AcknowledgeT message;
  message.kernel = kernel.value;
  message.number = number;
  message.reader = reader;
  send(host.data, PeerId{}, 0, message);
}

/// One kernel, started by `host`, which has asked it something under the id 5.
struct Star {
  Star() {
    send(host.data, id, 5, wire::EvalT{});
    REQUIRE(next(kernel.connection->data).packet.root().id() == 5);
  }

  /// Reads the log until its end: the numbers that came, and what came last.
  std::vector<std::uint64_t> read(wire::Connection& by, wire::ReadLogT what,
                                  std::uint64_t reader = 50) {
    what.kernel = id.value;
    send(by.data, PeerId{}, reader, what);
    std::vector<std::uint64_t> numbers;
    for (;;) {
      const auto got = next(by.data);
      const wire::Message& message = got.packet.root();
      if (message.body_as_LogEnd() != nullptr) {
        CHECK(message.id() == reader);
        end = message.body_as_LogEnd()->next();
        return numbers;
      }
      if (const auto* gap = message.body_as_Gap()) {
        gaps.emplace_back(gap->first(), gap->last());
        gap_bytes += gap->bytes();
        continue;
      }
      CHECK(got.peer == id);
      CHECK(got.route.reader == RequestId{reader});
      owner = got.route.host;
      numbers.push_back(message.number());
      if (numbers.size() % 8 == 0) acknowledge(by, id, message.number(), reader);
    }
  }

  wire::KernelInfoT info() {
    wire::AttachT attach;
    attach.kernel = id.value;
    send(host.control, PeerId{}, 9, attach);
    wire::KernelT kernel_info;
    next_answer(host.control).packet.root().body_as_Kernel()->UnPackTo(&kernel_info);
    return *kernel_info.info;
  }

  BrokerFixture f{{RawKernel::spec()}};
  wire::Connection host = f.host();
  RawKernel kernel{f, host};
  const PeerId id = kernel.connection->self;
  std::uint64_t end = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  std::uint64_t gap_bytes = 0;
  PeerId owner;
};

constexpr std::size_t kPiece = 64 * 1024;

}  // namespace

TEST_CASE(
    "P4: what a host has not acknowledged holds its kernel back, and it is told of the rest") {
  Star star;
  for (int i = 0; i < 80; ++i) star.kernel.say(star.host.self, 5, output(kPiece));
  // At half of the window the host is asked, once, to say how far it is.
  int asked = 0;
  for (std::uint64_t due = 1; due <= 80;) {
    const auto got = next(star.host.data);
    if (const auto* question = got.packet.root().body_as_Acknowledge()) {
      CHECK(question->number() == 1);
      CHECK(due > 32);
      ++asked;
    } else {
      CHECK(got.packet.root().number() == due++);
    }
  }
  CHECK(asked == 1);
  const auto held = star.info();
  CHECK(held.held_by == star.host.self.value);
  CHECK(held.unacknowledged_bytes >= 80 * kPiece);

  acknowledge(star.host, star.id, 40);
  const auto first = next_answer(star.kernel.connection->control);
  REQUIRE(first.packet.root().body_as_Acknowledge() != nullptr);
  CHECK(first.packet.root().body_as_Acknowledge()->number() == 40);
  CHECK(star.info().held_by == 0);
  acknowledge(star.host, star.id, 80);
  CHECK(
      next_answer(star.kernel.connection->control).packet.root().body_as_Acknowledge()->number() ==
      80);
  CHECK(star.info().unacknowledged_bytes == 0);
}

TEST_CASE("a host that leaves holds nobody back") {
  Star star;
  auto other = star.f.host();
  send(other.data, star.id, 6, wire::EvalT{});
  REQUIRE(next(star.kernel.connection->data).packet.root().id() == 6);
  for (int i = 0; i < 70; ++i) star.kernel.say(other.self, 6, output(kPiece));
  for (int i = 0; i < 70; ++i) next(other.data);
  CHECK(star.info().held_by == other.self.value);
  send(other.control, PeerId{}, 0, wire::GoodbyeT{});
  const auto told = next_answer(star.kernel.connection->control);
  REQUIRE(told.packet.root().body_as_Acknowledge() != nullptr);
  CHECK(told.packet.root().body_as_Acknowledge()->number() == 70);
}

TEST_CASE("a log is read from any number, by others too, and says whose its records are") {
  Star star;
  for (int i = 0; i < 20; ++i) star.kernel.say(star.host.self, 5, output(100));
  auto reader = star.f.host();
  for (int i = 0; i < 20; ++i) next(star.host.data);
  CHECK(star.read(reader, {}).size() == 20);
  CHECK(star.owner == star.host.self);
  CHECK(star.end == 21);
  wire::ReadLogT later;
  later.from = 15;
  CHECK(star.read(reader, later) == std::vector<std::uint64_t>{15, 16, 17, 18, 19, 20});
  CHECK(star.gaps.empty());
}

TEST_CASE("a reader that does not acknowledge lags, and holds nobody back") {
  Star star;
  auto reader = star.f.host();
  wire::ReadLogT read;
  read.kernel = star.id.value;
  read.follow = true;
  send(reader.data, PeerId{}, 50, read);
  for (int i = 1; i <= 200; ++i) {  // 12.5 MiB
    star.kernel.say(star.host.self, 5, output(kPiece));
    next(star.host.data);
    if (i % 10 == 0) acknowledge(star.host, star.id, static_cast<std::uint64_t>(i));
  }
  while (star.info().unacknowledged_bytes != 0) continue;
  // 4 MiB are on the way to it; the oldest of the rest has left the memory when it goes on.
  std::uint64_t seen = 0;
  std::uint64_t missing = 0;
  while (seen + missing < 200) {
    const auto got = next(reader.data);
    const wire::Message& message = got.packet.root();
    if (const auto* gap = message.body_as_Gap()) {
      CHECK(gap->first() == seen + 1);
      CHECK(gap->bytes() > (gap->last() - gap->first()) * kPiece);
      missing = gap->last() - gap->first() + 1;
      continue;
    }
    ++seen;
    CHECK(message.number() == seen + missing);
    acknowledge(reader, star.id, message.number(), 50);
  }
  CHECK(missing > 0);
  CHECK(seen >= (std::size_t{4} << 20) / kPiece);
}

TEST_CASE("replies that were acknowledged are not in the log, and no gap") {
  Star star;
  star.kernel.say(star.host.self, 5, output(10));
  star.kernel.say(star.host.self, 5, wire::ResultT{});
  next(star.host.data);
  CHECK(next(star.host.data).packet.root().number() == 2);
  CHECK(star.read(star.host, {}) == std::vector<std::uint64_t>{1, 2});
  acknowledge(star.host, star.id, 2);
  CHECK(star.read(star.host, {}) == std::vector<std::uint64_t>{1});
  CHECK(star.end == 3);
  CHECK(star.gaps.empty());
}

TEST_CASE("a request that is kept goes on without its host, and its reply is in the log") {
  Star star;
  auto other = star.f.host();
  wire::EvalT eval;
  eval.keep = true;
  send(other.data, star.id, 6, eval);
  REQUIRE(next(star.kernel.connection->data).packet.root().id() == 6);
  send(other.control, PeerId{}, 0, wire::GoodbyeT{});
  while (next(star.kernel.connection->data).packet.root().body_as_HostLeft() == nullptr) continue;
  star.kernel.say(other.self, 6, output(10));
  wire::ReadLogT read;
  read.host = other.self.value;
  read.request = 6;
  read.follow = true;
  read.kernel = star.id.value;
  send(star.host.data, PeerId{}, 50, read);
  star.kernel.say(star.host.self, 5, output(10));  // another request's
  star.kernel.say(other.self, 6, wire::ResultT{});
  std::vector<std::uint64_t> numbers;
  for (;;) {
    const auto got = next(star.host.data);
    if (got.packet.root().body_as_LogEnd() != nullptr) break;
    if (got.route.reader) numbers.push_back(got.packet.root().number());
  }
  CHECK(numbers == std::vector<std::uint64_t>{1, 3});
  // Once more: it is still there.
  CHECK(star.read(star.host, read) == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("P9: a log ends with the death, and can be read after it") {
  Star star;
  star.kernel.say(star.host.self, 5, output(10));
  next(star.host.data);
  wire::SignalT kill;
  kill.kernel = star.id.value;
  kill.signal = SIGKILL;
  send(star.host.control, PeerId{}, 8, kill);
  star.kernel.connection.reset();
  const auto failed = next(star.host.data);
  REQUIRE(failed.packet.root().body_as_Failure() != nullptr);
  CHECK(failed.packet.root().number() == 3);
  wire::ReadLogT read;
  read.follow = true;
  CHECK(star.read(star.host, read) == std::vector<std::uint64_t>{1, 2});
  CHECK(star.end == 4);
}

TEST_CASE("P5: a kernel whose records are out of order ends, and it is said why") {
  Star star;
  star.kernel.number = 6;
  star.kernel.say(star.host.self, 5, output(10));
  star.kernel.connection.reset();
  const auto failed = next(star.host.data);
  const auto* failure = failed.packet.root().body_as_Failure();
  REQUIRE(failure != nullptr);
  CHECK(wire::text(failure->death()->explanation()).find("the number 7 where 1 was due") !=
        std::string_view::npos);
  CHECK(failure->death()->cause() == wire::DeathCause::protocol_error);
}

TEST_CASE("what is asked of a log that is not there is refused") {
  Star star;
  wire::ReadLogT read;
  read.kernel = 999;
  send(star.host.data, PeerId{}, 51, read);
  auto answer = next(star.host.data);
  REQUIRE(answer.packet.root().body_as_Failure() != nullptr);
  CHECK(answer.packet.root().id() == 51);
  CHECK(answer.packet.root().body_as_Failure()->kind() == wire::FailureKind::not_found);
  acknowledge(star.host, PeerId{999}, 5);
  acknowledge(star.host, star.id, 1'000'000);
  acknowledge(star.host, star.id, 7, 4711);
  wire::CloseLogT close;
  close.reader = 4711;
  send(star.host.data, PeerId{}, 52, close);
  star.kernel.say(star.host.self, 5, output(10));
  CHECK(next(star.host.data).packet.root().number() == 1);
}
