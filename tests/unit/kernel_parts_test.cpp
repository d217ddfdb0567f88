// Parts of the kernel runtime that need no process.
#include <doctest/doctest.h>

#include <csignal>
#include <ctime>
#include <string>
#include <vector>

#include "intake.hpp"
#include "launch_details.hpp"
#include "oast/error.hpp"
#include "oast/kernel/input_slot.hpp"
#include "oast/utf8.hpp"
#include "output_buffer.hpp"
#include "replies.hpp"

namespace oast::kernel {

namespace {

const std::string kBad = "\xEF\xBF\xBD";

struct Sent {
  std::uint64_t request;
  Stream stream;
  std::string text;
  bool operator==(const Sent&) const = default;
};

/// An output buffer and what it emitted.
struct Recorder {
  std::vector<Sent> sent;
  OutputBuffer buffer{[this](const OutputBuffer::Chunk& chunk) {
    CHECK(chunk.is_utf8 == is_utf8(chunk.bytes));
    sent.push_back({chunk.owner.id.value, chunk.stream, std::string(chunk.bytes)});
  }};
  Recorder() { buffer.begin({PeerId{1}, RequestId{1}}); }
};

wire::Addressed eval_of(PeerId host, std::uint64_t id, std::uint64_t sequence) {
  return {host, wire::pack(RequestId{id}, wire::EvalT{}), {.sequence = sequence}};
}
wire::Addressed completion_of(PeerId host, std::uint64_t id) {
  return {host, wire::pack(RequestId{id}, wire::CompleteT{})};
}

struct Waiting {
  InterruptGate gate{::pthread_self(), SIGUSR2, {}};
  WaitQueue waiters;
  Intake intake{gate, waiters};
};

}  // namespace

TEST_CASE("launch details are read from one line, and what follows is left alone") {
  const auto details = parse_launch_details(
      R"({"protocol":1,"control":"ipc://c","data":"ipc://d","kernel":7,"name":"n","spec":"s","token":"t","new":[]})");
  CHECK(details.control == "ipc://c");
  CHECK(details.data == "ipc://d");
  CHECK(details.kernel == 7);
  CHECK(details.name == "n");
  CHECK(details.spec == "s");
  CHECK(details.token == "t");
}

TEST_CASE(
    "launch details of another protocol are incompatible, others are invalid, and no message "
    "quotes them") {
  const auto kind_of = [](const char* line) {
    try {
      parse_launch_details(line);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
      return error.kind();
    }
    FAIL("no error");
    return FailureKind::timeout;
  };
  CHECK(kind_of(R"({"protocol":2})") == FailureKind::incompatible);
  CHECK(kind_of(R"({"token":"secret","protocol":1)") == FailureKind::invalid);
  CHECK(kind_of(R"({"protocol":1,"token":"secret"})") == FailureKind::invalid);
  CHECK(kind_of(R"({"protocol":"secret"})") == FailureKind::invalid);
  CHECK(kind_of("") == FailureKind::invalid);
}

TEST_CASE("output is emitted when it is flushed, in one piece") {
  Recorder r;
  r.buffer.append(Stream::out, "one ");
  r.buffer.append(Stream::out, "two");
  CHECK(r.sent.empty());
  CHECK_FALSE(r.buffer.empty());
  r.buffer.flush();
  r.buffer.flush();
  CHECK(r.buffer.empty());
  r.buffer.append(Stream::out, "three");
  r.buffer.finish();
  CHECK(r.sent == std::vector<Sent>{{1, Stream::out, "one two"}, {1, Stream::out, "three"}});
}

TEST_CASE("a change of stream or of request emits what there is, in order") {
  Recorder r;
  r.buffer.append(Stream::out, "a");
  r.buffer.append(Stream::err, "b");
  r.buffer.append(Stream::out, "c");
  r.buffer.begin({PeerId{1}, RequestId{2}});
  r.buffer.append(Stream::out, "d");
  r.buffer.finish();
  CHECK(r.sent == std::vector<Sent>{{1, Stream::out, "a"},
                                    {1, Stream::err, "b"},
                                    {1, Stream::out, "c"},
                                    {2, Stream::out, "d"}});
}

TEST_CASE("long output is emitted in chunks and nothing of it is lost") {
  Recorder r;
  std::string all;
  for (int i = 0; i < 20'000; ++i) all += std::to_string(i) + "\u20ac";
  r.buffer.append(Stream::out, all.substr(0, 10));
  r.buffer.append(Stream::out, all.substr(10));
  r.buffer.finish();
  std::string got;
  for (const auto& sent : r.sent) {
    CHECK(sent.text.size() <= OutputBuffer::kChunk);
    CHECK(is_utf8(sent.text));
    got += sent.text;
  }
  CHECK(got == all);
  CHECK(r.sent.size() > 5);
}

TEST_CASE(
    "a character that comes in pieces is emitted whole, across flushes and the other stream") {
  Recorder r;
  r.buffer.append(Stream::out, "x\xE2");
  r.buffer.flush();
  CHECK(r.buffer.empty());
  r.buffer.append(Stream::out, "\x82");
  r.buffer.append(Stream::err, "e\xC3");
  r.buffer.append(Stream::out, "\xAC");
  r.buffer.append(Stream::err, "\xA9");
  r.buffer.finish();
  CHECK(r.sent == std::vector<Sent>{{1, Stream::out, "x"},
                                    {1, Stream::err, "e"},
                                    {1, Stream::out, "\u20ac"},
                                    {1, Stream::err, "\u00e9"}});
}

TEST_CASE("a character that its request never finished is emitted as it is at its end") {
  Recorder r;
  r.buffer.append(Stream::err, "e\xC3");
  r.buffer.append(Stream::out, "o\xE2");
  r.buffer.finish();
  r.buffer.begin({PeerId{1}, RequestId{2}});
  r.buffer.append(Stream::out, "\x82");
  r.buffer.finish();
  CHECK(r.sent == std::vector<Sent>{{1, Stream::err, "e"},
                                    {1, Stream::out, "o"},
                                    {1, Stream::out, "\xE2"},
                                    {1, Stream::err, "\xC3"},
                                    {2, Stream::out, "\x82"}});
}

TEST_CASE("every byte is emitted as it was written, split at every position, flushed or not") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  all += "\u20ac\U0001F33E\xE2\x82";
  for (std::size_t at = 0; at <= all.size(); ++at)
    for (const bool flushed : {false, true}) {
      Recorder r;
      r.buffer.append(Stream::out, all.substr(0, at));
      if (flushed) r.buffer.flush();
      r.buffer.append(Stream::out, all.substr(at));
      r.buffer.finish();
      std::string got;
      for (const auto& sent : r.sent) got += sent.text;
      CHECK(got == all);
    }
}

TEST_CASE("bytes that are no text are emitted in chunks, and nothing of them is lost") {
  Recorder r;
  std::string all;
  for (std::uint32_t i = 1; all.size() < 200'000; i = i * 1664525 + 1013904223)
    all += static_cast<char>(i >> 24);
  r.buffer.append(Stream::out, all);
  r.buffer.finish();
  std::string got;
  for (const auto& sent : r.sent) {
    CHECK(sent.text.size() <= OutputBuffer::kChunk);
    got += sent.text;
  }
  CHECK(got == all);
}

TEST_CASE("a value that cannot be sent becomes a Failure, and the writer goes on working") {
  wire::Writer writer;
  Value deep;
  for (int i = 0; i < 100; ++i) {
    Value::List outer;
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }
  const auto refused = result_packet(writer, RequestId{1}, deep);
  REQUIRE(refused.root().body_as_Failure() != nullptr);
  CHECK(refused.root().body_as_Failure()->kind() == wire::FailureKind::remote_exception);
  const auto result = result_packet(writer, RequestId{2}, Value(42));
  REQUIRE(result.root().body_as_Result() != nullptr);
  CHECK(result.root().body_as_Result()->value()->integer() == 42);
}

TEST_CASE("a failure is sent whatever bytes and lengths it has") {
  Failure failure;
  failure.message = "bad \xFF " + std::string(5'000'000, 'x');
  failure.traceback.assign(100'000, "outer");
  failure.traceback.back() = "line \xFE";
  const auto packet = failure_packet(RequestId{1}, failure);
  CHECK_FALSE(wire::verify(packet).has_value());
  CHECK(packet.message.size() < 1'000'000);
  const auto sent = wire::read(*packet.root().body_as_Failure());
  CHECK(sent.message.starts_with("bad " + kBad + " xxx"));
  CHECK(sent.traceback.back() == "line " + kBad);  // the innermost
}

TEST_CASE("the intake gives in order, and begins what it gives by its number") {
  Waiting w;
  CHECK_FALSE(w.intake.waiting());
  CHECK_FALSE(w.intake.next().has_value());
  for (const std::uint64_t id : {11U, 12U}) w.intake.push(eval_of(PeerId{1}, id, id - 10));
  w.intake.push(completion_of(PeerId{1}, 13));
  w.intake.push(eval_of(PeerId{1}, 14, 3));
  CHECK(w.intake.waiting());
  CHECK(w.intake.size() == 4);
  std::vector<std::uint64_t> sequences;
  for (int i = 0; i < 4; ++i) {
    sequences.push_back(w.intake.next()->sequence());
    CHECK(w.gate.running()->sequence == sequences.back());
    w.gate.end();
  }
  CHECK(sequences == std::vector<std::uint64_t>{1, 2, 0, 3});
  CHECK_FALSE(w.intake.waiting());
}

TEST_CASE("what is queued can be cancelled once, by number or by id, and never begins") {
  using State = wire::BreakState;
  Waiting w;
  for (const std::uint64_t id : {11U, 12U, 13U}) w.intake.push(eval_of(PeerId{1}, id, id - 10));
  w.intake.push(completion_of(PeerId{2}, 11));
  const auto by_number = w.intake.stop(2);
  CHECK(by_number.state == State::cancelled);
  CHECK(by_number.cancelled == RequestKey{PeerId{1}, RequestId{12}});
  CHECK(w.intake.stop(2).state == State::finished);
  const auto by_id = w.intake.stop({PeerId{2}, RequestId{11}});
  CHECK(by_id.state == State::cancelled);
  CHECK(w.intake.stop({PeerId{2}, RequestId{11}}).state == State::finished);
  CHECK(w.intake.next()->key() == RequestKey{PeerId{1}, RequestId{11}});
  w.gate.end();
  CHECK(w.intake.stop(1).state == State::finished);
  CHECK(w.intake.next()->key() == RequestKey{PeerId{1}, RequestId{13}});
  w.gate.end();
  CHECK_FALSE(w.intake.next().has_value());
}

TEST_CASE("P4: cancelling what is queued takes the same time however much is queued") {
  Waiting w;
  constexpr std::uint64_t kMany = 50'000;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    w.intake.push(eval_of(PeerId{1}, i, i));
    if (i % 10 == 0) w.intake.push(completion_of(PeerId{2}, i));
  }
  const auto cpu = std::clock();
  for (std::uint64_t i = kMany - 1; i > 0; --i)
    if (i % 10 != 5) REQUIRE(w.intake.stop(i).cancelled == RequestKey{PeerId{1}, RequestId{i}});
  for (std::uint64_t i = kMany; i > 10; i -= 10)
    REQUIRE(w.intake.stop({PeerId{2}, RequestId{i}}).cancelled.has_value());
  CHECK(std::clock() - cpu < 2 * CLOCKS_PER_SEC);
  CHECK(w.intake.size() == kMany / 10 + 2);
  CHECK(w.intake.next()->sequence() == 5);
  w.gate.end();
  CHECK(w.intake.next()->key() == RequestKey{PeerId{2}, RequestId{10}});
  w.gate.end();
  CHECK(w.intake.next()->sequence() == 15);
}

TEST_CASE("P10: what is cancelled before it came is never taken in, and the next one is") {
  using State = wire::BreakState;
  Waiting w;
  CHECK(w.intake.stop(1).state == State::cancelled);
  CHECK_FALSE(w.intake.stop(1).cancelled.has_value());
  CHECK(w.intake.push(completion_of(PeerId{1}, 9)) == Intake::Taken::queued);
  CHECK(w.intake.push(eval_of(PeerId{1}, 10, 1)) == Intake::Taken::cancelled);
  CHECK(w.intake.stop(1).state == State::finished);
  CHECK(w.intake.push(eval_of(PeerId{1}, 11, 2)) == Intake::Taken::queued);
}

TEST_CASE("nothing begins at a closed intake, and who waits is told") {
  Waiting w;
  w.intake.push(eval_of(PeerId{1}, 1, 1));
  w.intake.close();
  CHECK(w.intake.waiting());
  CHECK_FALSE(w.intake.next().has_value());
  CHECK_FALSE(w.gate.running().has_value());
}

TEST_CASE("only the answer that is waited for counts as input") {
  InputSlot slot;
  const RequestKey me{PeerId{1}, RequestId{5}};
  slot.answer(me, 1, "too early");
  CHECK(slot.open(me, false) == 1);
  slot.answer({PeerId{2}, RequestId{5}}, 1, "another host");
  slot.answer({PeerId{1}, RequestId{6}}, 1, "another request");
  slot.answer(me, 2, "another number");
  slot.end(PeerId{2});
  CHECK_FALSE(slot.answered());
  slot.answer(me, 1, "line");
  CHECK(slot.answered());
  slot.answer(me, 1, "twice");
  CHECK(slot.close() == "line");
  slot.answer(me, 1, "too late");
  CHECK(slot.open(me, false) == 2);
  CHECK_FALSE(slot.answered());
  slot.answer(me, 1, "of the one before");
  CHECK_FALSE(slot.answered());
  slot.answer(me, 0, std::nullopt);
  CHECK(slot.answered());
  CHECK_FALSE(slot.close().has_value());
}

TEST_CASE("a line that nobody waits for any more is dropped; a block is the next one's") {
  InputSlot slot;
  const RequestKey me{PeerId{1}, RequestId{5}};
  CHECK(slot.open(me, false) == 1);
  CHECK_FALSE(slot.close().has_value());
  slot.answer(me, 1, "late line");
  CHECK(slot.open(me, true) == 2);
  CHECK_FALSE(slot.answered());
  CHECK_FALSE(slot.close().has_value());
  CHECK(slot.open(me, true) == 0);  // it has been asked for
  CHECK_FALSE(slot.close().has_value());
  slot.answer(me, 2, "late block");
  CHECK(slot.open(me, true) == 0);
  CHECK(slot.answered());
  CHECK(slot.close() == "late block");
  CHECK(slot.open({PeerId{1}, RequestId{6}}, true) == 3);
}

}  // namespace oast::kernel
