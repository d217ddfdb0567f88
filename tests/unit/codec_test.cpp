// Writing and reading messages.
#include "oast/codec.hpp"

#include <doctest/doctest.h>

#include <random>

#include "allocations.hpp"
#include "messages.hpp"

using namespace oast;
using oast::testing::every_kind;
using oast::testing::nested_list;
using oast::testing::read_result;
using oast::testing::result;
using oast::testing::tensor;
using wire::Packet;
using wire::Writer;

namespace {

std::string refusal(Writer& writer, const Value& value) {
  try {
    result(writer, value);
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::invalid);
    return error.what();
  }
  return "nothing was thrown";
}

bool is_aligned(const zmq::message_t& frame) {
  return reinterpret_cast<std::uintptr_t>(frame.data()) % wire::kAlignment == 0;
}

/// Values of any shape, the same on every run.
class Generator {
 public:
  Value value(int depth = 0) {
    switch (below(depth < 6 ? 11 : 7)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 1;
      case 2:
        return static_cast<std::int64_t>(random_());
      case 3:
        return static_cast<double>(random_()) / 3;
      case 4:
        return text(200);
      case 5:
        return Buffer::copy_of(text(9000));
      case 6:
        return tensor(static_cast<DType>(below(14)), shape());
      case 7:
        return Native{"f" + text(9), Buffer::copy_of(text(9000)),
                      std::vector<Buffer>(below(3), Buffer::copy_of(text(9000)))};
      case 8:
        return Failure{static_cast<FailureKind>(below(11)), text(50), text(9), {text(9)}, {}};
      case 9:
        return list(depth + 1);
      default:
        return map(depth + 1);
    }
  }

 private:
  Value list(int depth) {
    Value::List items;
    for (int n = below(9); n > 0; --n) items.push_back(value(depth));
    return items;
  }
  Value map(int depth) {
    Value::Map entries;
    for (int n = below(9); n > 0; --n) entries.emplace_back(value(depth), value(depth));
    return entries;
  }
  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> result(static_cast<std::size_t>(below(4)));
    for (auto& n : result) n = below(20);
    return result;
  }
  std::string text(int most) {
    std::string result(static_cast<std::size_t>(below(most)), ' ');
    for (char& c : result) c = static_cast<char>(below(256));
    return result;
  }
  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }

  std::mt19937_64 random_{20240229};
};

}  // namespace

TEST_CASE("every kind of value is read as it was written") {
  Writer writer;
  for (const Value& value : every_kind()) {
    CAPTURE(value.describe());
    Packet packet = result(writer, value);
    CHECK(wire::verify(packet) == std::nullopt);
    CHECK(packet.root().id() == 7);
    CHECK(read_result(packet) == value);
  }
  Packet all = result(writer, every_kind());
  CHECK(wire::verify(all) == std::nullopt);
  CHECK(read_result(all) == Value(every_kind()));
}

TEST_CASE("what the writer writes passes verification, whatever the value") {
  Writer writer;
  Generator generator;
  for (int i = 0; i < 500; ++i) {
    const Value value = generator.value();
    Packet packet = result(writer, value);
    REQUIRE(wire::verify(packet) == std::nullopt);
    REQUIRE(read_result(packet) == value);
  }
}

TEST_CASE("a value may nest as deep as the limit allows and no deeper") {
  const unsigned deepest = wire::Limits{}.depth - 2;  // message and body
  Writer writer;
  Packet packet = result(writer, nested_list(deepest));
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(read_result(packet) == nested_list(deepest));
  CHECK(refusal(writer, nested_list(deepest + 1)) == "the value nests too deep to be sent");

  Value error(Failure{FailureKind::kernel_died, "m", {}, {}, {}});
  for (unsigned i = 3; i < deepest; ++i) error = Value(Value::List{error});
  CHECK(wire::verify(result(writer, error)) == std::nullopt);
  CHECK(refusal(writer, Value(Value::List{error})) == "the value nests too deep to be sent");
}

TEST_CASE("a value that no receiver would take is refused where it is written") {
  Writer writer;
  CHECK(refusal(writer, Tensor{DType::int32, {2}, Buffer::copy_of("1234")}) ==
        "a tensor of int32 with shape [2] does not have 4 bytes");
  CHECK(refusal(writer, Tensor{DType::int8, {-1}, {}}) ==
        "a tensor of int8 with shape [-1] does not have 0 bytes");
  CHECK(refusal(writer, Native{}) == "native data needs the name of its format");
}

TEST_CASE("a long list of one kind of numbers travels packed and stays a list of that kind") {
  const std::vector<Value> numbers{true, std::int64_t{1} << 62, -0.5};
  for (const Value& number : numbers) {
    for (const std::size_t size : {15, 16, 511, 512, 5000}) {
      CAPTURE(size);
      auto packet = result(Value::List(size, number));
      REQUIRE(wire::verify(packet) == std::nullopt);
      const auto kind = packet.root().body_as_Result()->value()->kind();
      CHECK((kind == wire::ValueKind::packed) == (size >= 16));
      CHECK(read_result(packet) == Value(Value::List(size, number)));
    }
  }
  for (const Value& other : {Value(1), Value(1.0), Value(false), Value()}) {
    for (const Value& number : numbers) {
      Value::List mixed(100, number);
      mixed.back() = other;
      auto packet = result(mixed);
      CHECK(read_result(packet) == Value(mixed));
    }
  }
}

TEST_CASE("a packed list that is passed on is neither unpacked nor copied") {
  auto packet = result(Value::List(5000, std::int64_t{7}));
  const Value got = read_result(packet);
  REQUIRE(got.packed() != nullptr);
  const auto* bytes = got.packed()->data().bytes().data();
  auto again = result(got);
  CHECK(again.buffers.at(0).data<std::byte>() == bytes);
  CHECK(read_result(again) == got);
  CHECK(got == Value(Value::List(5000, std::int64_t{7})));
}

TEST_CASE("packed lists leave buffers to tensors") {
  Value::List rows(3000, Value(Value::List(600, std::int64_t{1})));
  rows.insert(rows.end(), 500, Value(tensor(DType::int8, {1})));
  auto packet = result(rows);
  REQUIRE(wire::verify(packet) == std::nullopt);
  CHECK(packet.buffers.size() == 1012);
  CHECK(read_result(packet) == Value(rows));
}

TEST_CASE("a list of four million integers can be sent") {
  const Value::List many((4u << 20) + 1, std::int64_t{5});
  auto packet = result(many);
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(packet.buffers.at(0).size() == 8 * many.size());
}

TEST_CASE("only bytes bound a packed list: forty million integers can be sent") {
  std::string bytes;
  bytes.resize(320'000'000, '\1');
  const Value many(PackedList(DType::int64, Buffer::copy_of(bytes)));
  auto packet = result(many);
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(read_result(packet).packed()->size() == 40'000'000);
  Writer writer({.buffer_bytes = 5000});
  CHECK(refusal(writer, Value::List(626, std::int64_t{1})) ==
        "an array or a text of 5008 bytes is more than the 5000 that can be sent in one piece");
}

TEST_CASE("a writer keeps to the limits of its receiver") {
  const wire::Limits limits{
      .message_bytes = 1000, .buffer_count = 2, .total_bytes = 6000, .depth = 5, .tables = 20};
  Writer writer(limits);
  CHECK(refusal(writer, std::string(1000, 'x')) ==
        "the message is too large: large data is sent as bytes or tensors");
  CHECK(refusal(writer, Value::List(3, tensor(DType::int8, {1}))) ==
        "the value has too many arrays");
  CHECK(refusal(writer, tensor(DType::int8, {6000})) ==
        "the arrays are too large to be sent at once");
  Writer in_pieces({.buffer_bytes = 5000});
  CHECK(refusal(in_pieces, tensor(DType::int8, {5001})) ==
        "an array or a text of 5001 bytes is more than the 5000 that can be sent in one piece");
  CHECK(refusal(writer, nested_list(4)) == "the value nests too deep to be sent");
  CHECK(refusal(writer, Value::List(18)) == "the value has too many parts");
  CHECK(wire::verify(result(writer, Value::List(17)), limits) == std::nullopt);
}

TEST_CASE("a writer never writes what its receiver would refuse") {
  const wire::Limits limits{
      .message_bytes = 4000, .buffer_count = 3, .total_bytes = 9000, .depth = 6, .tables = 50};
  Writer strict(limits);
  Writer generous;
  Generator generator;
  int taken = 0;
  for (int i = 0; i < 500; ++i) {
    const Value value = generator.value();
    const bool good = !wire::verify(result(generous, value), limits);
    const bool written = refusal(strict, value) == "nothing was thrown";
    if (written) CHECK(good);
    taken += written ? 1 : 0;
  }
  CHECK(taken > 100);
}

TEST_CASE("a writer that refused a value writes the next one as if nothing had happened") {
  Writer writer;
  const Value bad(Value::List{tensor(DType::int8, {5000}), 1, "text", Native{}});
  CHECK(refusal(writer, bad) == "native data needs the name of its format");
  Packet packet = result(writer, every_kind());
  CHECK(packet.message == result(every_kind()).message);
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(read_result(packet) == Value(every_kind()));
}

TEST_CASE("a large buffer crosses the codec without being copied") {
  auto buffer = Buffer::copy_of(std::string(Writer::kInlineBytes, 'x'));
  const auto* bytes = buffer.bytes().data();
  const std::weak_ptr<const void> owner = buffer.owner();
  Packet packet = result(Value::List{buffer, Tensor{DType::uint8, {4096}, buffer}});
  buffer = {};
  REQUIRE(packet.buffers.size() == 2);
  CHECK(packet.buffers[0].data() == bytes);
  CHECK(packet.buffers[1].data() == bytes);
  {
    const Value value = read_result(packet);
    CHECK(packet.buffers.empty());
    const auto& items = std::get<Value::List>(value.variant());
    CHECK(items[0].as<Buffer>().bytes().data() == bytes);
    CHECK(items[1].as<Tensor>().data.bytes().data() == bytes);
    CHECK_FALSE(owner.expired());
  }
  CHECK(owner.expired());
}

TEST_CASE("few bytes travel inside the message, tensors always beside it") {
  const auto few = Buffer::copy_of(std::string(Writer::kInlineBytes - 1, 'x'));
  CHECK(result(few).buffers.empty());
  CHECK(result(Native{"f", few, {few}}).buffers.empty());
  CHECK(result(tensor(DType::int8, {1})).buffers.size() == 1);
}

TEST_CASE("a text that is larger than a message travels beside it") {
  const std::string text(wire::Limits{}.message_bytes + 1, 'x');
  Packet packet = result(text);
  CHECK(packet.buffers.size() == 1);
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(read_result(packet) == Value(text));
}

TEST_CASE("more long texts than there may be buffers travel in the message") {
  const Value texts(Value::List(5, std::string(Writer::kInlineText, 'x')));
  Writer writer({.buffer_count = 2});
  Packet packet = result(writer, texts);
  CHECK(packet.buffers.size() == 2);
  CHECK(read_result(packet) == texts);
}

TEST_CASE("messages of every size are aligned") {
  Writer writer;
  for (std::size_t size = 0; size < 200000; size = size * 3 / 2 + 1) {
    for (const std::uint64_t id : {0, 7}) {  // id 0 is not written, so nothing needs eight bytes
      const auto code = writer.string(std::string(size, 'x'));
      const Packet packet = writer.finish(RequestId{id}, wire::CreateEval(writer.builder(), code));
      REQUIRE(is_aligned(packet.message));
      REQUIRE(wire::verify(packet) == std::nullopt);
      REQUIRE(wire::text(packet.root().body_as_Eval()->code()).size() == size);
    }
  }
}

TEST_CASE("a reused writer allocates nothing for a small request and its answer") {
  Writer writer;
  const auto round = [&writer] {
    const auto code = writer.string("1 + 1");
    const Packet eval = writer.finish(RequestId{7}, wire::CreateEval(writer.builder(), code));
    const Packet answer = result(writer, Value(2));
    return !wire::verify(eval) && !wire::verify(answer) &&
           wire::read(answer.root().body_as_Result()->value(), {}) == Value(2);
  };
  CHECK(round());
  const std::size_t before = oast::testing::allocations();
  bool good = true;
  for (int i = 0; i < 100; ++i) good = round() && good;
  const std::size_t after = oast::testing::allocations();
  CHECK(good);
  CHECK(after == before);
}

TEST_CASE("a failure is read as it was written") {
  const Failure failure{FailureKind::kernel_died,
                        "it died",
                        "Death",
                        {"one", "", "two"},
                        {DeathCause::exited, 3, 0, "", "it left with exit code 3", "bye\n"}};
  const Packet packet = wire::pack(RequestId{9}, failure);
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(packet.root().id() == 9);
  CHECK(wire::read(*packet.root().body_as_Failure()) == failure);
}

TEST_CASE("a failure of any length can be sent, cut where people miss it least") {
  Failure failure{FailureKind::kernel_died, std::string(1 << 20, 'm'), {}, {}, {}};
  for (int i = 0; i < 100000; ++i) failure.traceback.push_back("line " + std::to_string(i));
  failure.death.stderr_tail = "x";
  for (int i = 0; i < 5000; ++i) failure.death.stderr_tail += "\u00e9";
  const Packet packet = wire::pack(RequestId{9}, failure);
  CHECK(packet.bytes() < (1 << 20));
  const Failure got = wire::read(*packet.root().body_as_Failure());
  CHECK(got.message == std::string(64 << 10, 'm'));
  CHECK(got.traceback.back() == "line 99999");
  CHECK(got.traceback.size() == 1000);
  CHECK(got.death.stderr_tail.size() == 4096);
  CHECK(got.death.stderr_tail.starts_with("\u00e9"));
}

TEST_CASE("kinds that a later version added are read as something this one knows") {
  const auto kind = static_cast<wire::FailureKind>(99);
  wire::FailureT failure;
  failure.kind = kind;
  failure.death = std::make_unique<wire::DeathT>();
  failure.death->cause = static_cast<wire::DeathCause>(99);
  const Packet packet = wire::pack(RequestId{1}, failure);
  CHECK(wire::verify(packet) == std::nullopt);
  const Failure got = wire::read(*packet.root().body_as_Failure());
  CHECK(got.kind == FailureKind::unimplemented);
  CHECK(got.death.cause == DeathCause::exited);
}

TEST_CASE("absent fields are read as empty") {
  Writer writer;
  const Packet eval = writer.finish(RequestId{1}, wire::CreateEval(writer.builder()));
  CHECK(wire::verify(eval) == std::nullopt);
  CHECK(wire::text(eval.root().body_as_Eval()->code()).empty());
  CHECK(wire::read(eval.root().body_as_Eval()->args(), {}).empty());
  const Packet nothing = writer.finish(RequestId{1}, wire::CreateResult(writer.builder()));
  CHECK(wire::verify(nothing) == std::nullopt);
  CHECK(wire::read(nothing.root().body_as_Result()->value(), {}).is_nil());
  for (const auto& [kind, value] : std::map<wire::ValueKind, Value>{
           {wire::ValueKind::string, ""},
           {wire::ValueKind::bytes, Buffer()},
           {wire::ValueKind::list, Value::List{}},
           {wire::ValueKind::map, Value::Map{}},
       }) {
    wire::ValueBuilder table(writer.builder());
    table.add_kind(kind);
    Packet packet = writer.finish(RequestId{1}, CreateResult(writer.builder(), table.Finish()));
    CHECK(wire::verify(packet) == std::nullopt);
    CHECK(read_result(packet) == value);
  }
}

TEST_CASE("the object form packs to the same message") {
  const Packet packet = wire::pack(RequestId{3}, wire::StopT{});
  CHECK(wire::verify(packet) == std::nullopt);
  CHECK(packet.root().id() == 3);
  REQUIRE(packet.root().body_as_Stop() != nullptr);
  CHECK(packet.root().body_as_Stop()->exit_timeout_ms() == 15000);
}
