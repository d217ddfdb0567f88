// Messages that no honest writer makes.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <functional>

#include "messages.hpp"
#include "oast/codec.hpp"

using namespace oast;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using oast::testing::every_kind;
using oast::testing::nested_list;
using oast::testing::raw_result;
using oast::testing::read_result;
using oast::testing::result;
using wire::Body;
using wire::Packet;
using wire::ValueKind;
using wire::verify;

namespace {

constexpr std::string_view kMalformed = "the message is not well-formed";
constexpr std::string_view kTooOften = "the message refers to its parts too often";

/// A message whose body has this number and an empty table.
Packet with_body(Body type, bool with_table) {
  FlatBufferBuilder builder;
  const auto table = wire::CreateOk(builder);
  wire::MessageBuilder message(builder);
  message.add_id(42);
  message.add_body_type(type);
  if (with_table) message.add_body(table.Union());
  wire::FinishMessageBuffer(builder, message.Finish());
  return {{builder.GetBufferPointer(), builder.GetSize()}, {}};
}

Packet with_value(const std::function<void(wire::ValueBuilder&)>& fill, std::size_t buffers = 0,
                  std::size_t buffer_bytes = 8) {
  const auto make = [&](FlatBufferBuilder& builder) {
    wire::ValueBuilder value(builder);
    fill(value);
    return value.Finish();
  };
  return raw_result(make, buffers, buffer_bytes);
}

Packet with_tensor(const std::vector<std::int64_t>& shape, int dtype, int buffer,
                   std::size_t buffer_bytes) {
  const auto make = [&](FlatBufferBuilder& builder) {
    const auto numbers = builder.CreateVector(shape);
    wire::ValueBuilder value(builder);
    value.add_kind(ValueKind::tensor);
    value.add_shape(numbers);
    value.add_dtype(static_cast<wire::DType>(dtype));
    value.add_buffer(buffer);
    return value.Finish();
  };
  return raw_result(make, 1, buffer_bytes);
}

/// Everything that reads a message, on what `verify` let through.
void read_all(Packet& packet) {
  delete packet.root().UnPack();
  if (packet.root().body_as_Result() != nullptr) read_result(packet);
}

/// The same bytes in memory of their own size, so that a sanitizer sees any step beyond.
Packet copy_of(std::string_view bytes) { return {zmq::message_t(bytes), {}}; }

}  // namespace

TEST_CASE("bytes that are no message are named as such") {
  CHECK(verify(Packet{}) == "the message is empty");
  CHECK(verify(copy_of("short")) == "these bytes are no oast message");
  CHECK(verify(copy_of(std::string(100, 'x'))) == "these bytes are no oast message");
  CHECK(verify(copy_of(std::string("\xff\xff\xff\xffOAST....", 12))) == kMalformed);
}

TEST_CASE("P5: a message cut off anywhere is refused or read safely") {
  const Packet whole = result(every_kind());
  const std::string bytes = whole.message.to_string();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Packet packet = copy_of(std::string_view(bytes).substr(0, size));
    for (const auto& buffer : whole.buffers) packet.buffers.emplace_back(buffer.to_string());
    if (!verify(packet)) read_all(packet);
  }
}

TEST_CASE("P5: a message with any byte changed is refused or read safely") {
  const Packet whole = result(every_kind());
  const std::string bytes = whole.message.to_string();
  std::size_t refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      Packet packet = copy_of(changed);
      for (const auto& buffer : whole.buffers) packet.buffers.emplace_back(buffer.to_string());
      if (verify(packet)) {
        ++refused;
      } else {
        read_all(packet);
      }
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a message in misaligned memory is refused until it is aligned") {
  const std::string bytes = result("text").message.to_string();
  alignas(8) std::array<char, 512> memory{};
  std::memcpy(memory.data() + 4, bytes.data(), bytes.size());
  const auto keep = [](void*, void*) {};
  Packet packet{{memory.data() + 4, bytes.size(), keep}, {}};
  CHECK(verify(packet) == "the message is not aligned");
  wire::align(packet.message);
  CHECK(verify(packet) == std::nullopt);
  CHECK(packet.message.to_string() == bytes);
}

TEST_CASE("a message without a body is refused") {
  CHECK(verify(with_body(Body::NONE, false)) == "the message has no body");
  CHECK(verify(with_body(Body::NONE, true)) == "the message has no body");
  CHECK(verify(with_body(Body::Ok, false)) == "the message has no body");
  CHECK(verify(with_body(Body::Ok, true)) == std::nullopt);
}

TEST_CASE("a body of a later version is told apart, and its id may be read") {
  const auto later = static_cast<Body>(static_cast<int>(Body::MAX) + 1);
  const Packet packet = with_body(later, true);
  CHECK(verify(packet) == wire::kUnknownBody);
  CHECK(packet.root().id() == 42);
  CHECK(verify(with_body(later, false)) == "the message has no body");
}

TEST_CASE("sizes beyond the limits are refused") {
  const Packet packet = result(every_kind());
  const std::size_t size = packet.message.size();
  CHECK(verify(packet, {.message_bytes = size}) == std::nullopt);
  CHECK(verify(packet, {.message_bytes = size - 1}) == "the message is too large");
  const std::size_t buffers = packet.buffers.size();
  CHECK(verify(packet, {.buffer_count = buffers}) == std::nullopt);
  CHECK(verify(packet, {.buffer_count = buffers - 1}) == "the message has too many buffers");
  const std::size_t total = packet.bytes();
  CHECK(verify(packet, {.total_bytes = total}) == std::nullopt);
  CHECK(verify(packet, {.total_bytes = total - 1}) == "the message's buffers are too large");
  const Packet deep = result(nested_list(10));
  CHECK(verify(deep, {.depth = 12}) == std::nullopt);
  CHECK(verify(deep, {.depth = 11}) == kMalformed);
  CHECK(verify(deep, {.tables = 12}) == std::nullopt);
  CHECK(verify(deep, {.tables = 11}) == kMalformed);
}

TEST_CASE("a value's fields must be those of its kind") {
  CHECK(verify(with_value([](auto& v) { v.add_kind(static_cast<ValueKind>(12)); })) ==
        "a value is of an unknown kind");
  CHECK(verify(with_value([](auto& v) {
          v.add_kind(ValueKind::boolean);
          v.add_integer(2);
        })) == "a boolean is neither 0 nor 1");
  CHECK(verify(with_value([](auto& v) { v.add_kind(ValueKind::error); })) ==
        "an error has no failure");
  CHECK(verify(with_value([](auto& v) { v.add_kind(ValueKind::native); })) ==
        "native data does not name its format");
  CHECK(verify(with_value([](auto& v) { v.add_kind(ValueKind::tensor); })) ==
        "a tensor has no buffer");
}

TEST_CASE("a map must have as many keys as items") {
  const auto make = [](FlatBufferBuilder& builder) {
    const std::vector<Offset<wire::Value>> one{wire::CreateValue(builder)};
    const auto items = builder.CreateVector(one);
    wire::ValueBuilder value(builder);
    value.add_kind(ValueKind::map);
    value.add_items(items);
    return value.Finish();
  };
  CHECK(verify(raw_result(make)) == "a map has not as many keys as items");
}

TEST_CASE("an index of a buffer that is not there is refused") {
  constexpr std::string_view kNone = "the message refers to a buffer that it does not have";
  const auto bytes = [](auto& v) {
    v.add_kind(ValueKind::bytes);
    v.add_buffer(1);
  };
  CHECK(verify(with_value(bytes, 1)) == kNone);
  CHECK(verify(with_value(bytes, 2)) == std::nullopt);
  CHECK(verify(with_tensor({8}, 1, 1, 8)) == kNone);
  CHECK(verify(with_tensor({8}, 1, 0, 8)) == std::nullopt);

  wire::OutputT output;
  output.kind = wire::OutputKind::display;
  output.parts.push_back(std::make_unique<wire::MimePartT>());
  output.parts[0]->buffer = 0;
  Packet packet = wire::pack(RequestId{1}, output);
  CHECK(verify(packet) == kNone);
  packet.buffers.emplace_back(3);
  CHECK(verify(packet) == std::nullopt);
}

TEST_CASE("the out-of-band buffers of native data must be bytes") {
  const auto make = [](ValueKind kind) {
    return [kind](FlatBufferBuilder& builder) {
      wire::ValueBuilder item(builder);
      item.add_kind(kind);
      const std::vector<Offset<wire::Value>> one{item.Finish()};
      const auto items = builder.CreateVector(one);
      const auto format = builder.CreateString("pickle5");
      wire::ValueBuilder value(builder);
      value.add_kind(ValueKind::native);
      value.add_text(format);
      value.add_items(items);
      return value.Finish();
    };
  };
  CHECK(verify(raw_result(make(ValueKind::bytes))) == std::nullopt);
  CHECK(verify(raw_result(make(ValueKind::list))) == "native data has a buffer that is no bytes");
}

TEST_CASE("a tensor's shape must agree with its buffer, without overflow") {
  constexpr std::string_view kDisagree = "a tensor's shape and its buffer do not agree";
  CHECK(verify(with_tensor({2, 2}, 2, 0, 4)) == std::nullopt);
  CHECK(verify(with_tensor({2, 2}, 2, 0, 5)) == kDisagree);
  CHECK(verify(with_tensor({-1, -4}, 2, 0, 4)) == kDisagree);
  CHECK(verify(with_tensor({std::int64_t{1} << 62, 4}, 2, 0, 0)) == kDisagree);
  CHECK(verify(with_tensor({0, std::int64_t{1} << 62, 4}, 2, 0, 0)) == std::nullopt);
  CHECK(verify(with_tensor({1}, 14, 0, 4)) == "a tensor has an unknown element type");
}

TEST_CASE("numbers that are not aligned are refused") {
  int refused = 0;
  for (int pad = 0; pad < 2; ++pad) {  // one of the two ends up misaligned
    const auto make = [&](FlatBufferBuilder& builder) {
      if (pad == 1) builder.CreateVector(std::vector<std::uint8_t>(8));
      // Twelve bytes, then called one number of eight: aligned to four only.
      const auto bytes = builder.CreateVector(std::vector<std::uint8_t>(12));
      wire::ValueBuilder value(builder);
      value.add_shape(bytes.o);
      return value.Finish();
    };
    Packet packet = raw_result(make);
    auto* shape = const_cast<flatbuffers::Vector<std::int64_t>*>(
        packet.root().body_as_Result()->value()->shape());
    const flatbuffers::uoffset_t one = 1;
    std::memcpy(static_cast<void*>(shape), &one, sizeof one);
    const auto problem = verify(packet);
    if (problem == "the message has misaligned numbers") ++refused;
    if (!problem) read_all(packet);
  }
  CHECK(refused == 1);
}

// Each of these is a short message that would take hours, or more memory than there is.

TEST_CASE("P5: strings that share a buffer do not multiply") {
  const auto strings = [](std::size_t count) {
    const auto make = [count](FlatBufferBuilder& builder) {
      wire::ValueBuilder string(builder);
      string.add_kind(ValueKind::string);
      string.add_buffer(0);
      const std::vector<Offset<wire::Value>> same(count, string.Finish());
      const auto items = builder.CreateVector(same);
      wire::ValueBuilder list(builder);
      list.add_kind(ValueKind::list);
      list.add_items(items);
      return list.Finish();
    };
    return raw_result(make, 1, 1 << 20);
  };
  CHECK(verify(strings(4)) == std::nullopt);
  CHECK(verify(strings(5)) == "the message refers to its buffers too often");
}

TEST_CASE(
    "P5: a packed list holds whole items, of a type that lists have, and its buffer is not "
    "multiplied") {
  const auto packed = [](wire::DType dtype, std::size_t bytes, std::size_t count = 1) {
    const auto make = [=](FlatBufferBuilder& builder) {
      wire::ValueBuilder value(builder);
      value.add_kind(ValueKind::packed);
      value.add_dtype(dtype);
      value.add_buffer(0);
      const std::vector<Offset<wire::Value>> same(count, value.Finish());
      const auto items = builder.CreateVector(same);
      wire::ValueBuilder list(builder);
      list.add_kind(ValueKind::list);
      list.add_items(items);
      return list.Finish();
    };
    return raw_result(make, 1, bytes);
  };
  CHECK(verify(packed(wire::DType::int64, 800, 4)) == std::nullopt);
  CHECK(verify(packed(wire::DType::int64, 800, 5)) ==
        "the message refers to its buffers too often");
  CHECK(verify(packed(wire::DType::float64, 12)) == "a packed list ends within an item");
  CHECK(verify(packed(wire::DType::float32, 8)) ==
        "a packed list has an element type that no list has");
}

TEST_CASE("P5: lists that share their items do not multiply") {
  const auto doubled = [](int times) {
    return raw_result([times](FlatBufferBuilder& builder) {
      auto value = wire::CreateValue(builder);
      for (int i = 0; i < times; ++i) {
        const std::vector<Offset<wire::Value>> twice{value, value};
        const auto items = builder.CreateVector(twice);
        wire::ValueBuilder list(builder);
        list.add_kind(ValueKind::list);
        list.add_items(items);
        value = list.Finish();
      }
      return value;
    });
  };
  CHECK(verify(doubled(1)) == std::nullopt);
  CHECK(verify(doubled(16)) == kMalformed);  // 65,536 values in less than a thousand bytes
  CHECK(verify(doubled(50)) == kMalformed);
}

TEST_CASE("P5: errors that share a traceback do not multiply") {
  const auto make = [](FlatBufferBuilder& builder) {
    const auto line = builder.CreateString("x");
    const auto lines = builder.CreateVector(std::vector(1'000'000, line));
    std::vector<Offset<wire::Value>> errors;
    for (int i = 0; i < 500'000; ++i) {
      wire::FailureBuilder failure(builder);
      failure.add_traceback(lines);
      const auto offset = failure.Finish();
      wire::ValueBuilder error(builder);
      error.add_kind(ValueKind::error);
      error.add_failure(offset);
      errors.push_back(error.Finish());
    }
    const auto items = builder.CreateVector(errors);
    wire::ValueBuilder list(builder);
    list.add_kind(ValueKind::list);
    list.add_items(items);
    return list.Finish();
  };
  CHECK(verify(raw_result(make)) == kMalformed);
}

TEST_CASE("P5: kernel specs that share their arguments do not multiply") {
  wire::Writer writer;
  FlatBufferBuilder& builder = writer.builder();
  const auto argument = builder.CreateString("x");
  const auto argv = builder.CreateVector(std::vector(1'000'000, argument));
  std::vector<Offset<wire::SpecInfo>> specs;
  for (int i = 0; i < 500'000; ++i) {
    wire::SpecInfoBuilder spec(builder);
    spec.add_argv(argv);
    specs.push_back(spec.Finish());
  }
  const auto vector = builder.CreateVector(specs);
  CHECK(verify(writer.finish(RequestId{1}, wire::CreateSpecs(builder, vector))) == kMalformed);
}

TEST_CASE("P5: a long text is not read more often than it was sent") {
  const auto repeated = [](std::size_t times) {
    return raw_result([&](FlatBufferBuilder& builder) {
      const auto text = builder.CreateString(std::string(100'000, 'x'));
      std::vector<Offset<wire::Value>> values;
      for (std::size_t i = 0; i < times; ++i) {
        wire::ValueBuilder value(builder);
        value.add_kind(ValueKind::string);
        value.add_text(text);
        values.push_back(value.Finish());
      }
      const auto items = builder.CreateVector(values);
      wire::ValueBuilder list(builder);
      list.add_kind(ValueKind::list);
      list.add_items(items);
      return list.Finish();
    });
  };
  CHECK(verify(repeated(3)) == std::nullopt);
  CHECK(verify(repeated(10)) == kTooOften);

  FlatBufferBuilder builder;
  const auto name = builder.CreateString(std::string(100'000, 'x'));
  std::vector<Offset<wire::KernelInfo>> kernels;
  for (int i = 0; i < 10; ++i) {
    wire::KernelInfoBuilder kernel(builder);
    kernel.add_name(name);
    kernels.push_back(kernel.Finish());
  }
  const auto listing = wire::CreateListing(builder, builder.CreateVector(kernels));
  FinishMessageBuffer(builder, CreateMessage(builder, 1, Body::Listing, listing.Union()));
  CHECK(verify({{builder.GetBufferPointer(), builder.GetSize()}, {}}) == kTooOften);
}

TEST_CASE("maps of the same shape may share the text of their keys") {
  const auto make = [](FlatBufferBuilder& builder) {
    const auto name = builder.CreateString("a name of some length");
    std::vector<Offset<wire::Value>> maps;
    for (int i = 0; i < 100; ++i) {
      wire::ValueBuilder text(builder);
      text.add_kind(ValueKind::string);
      text.add_text(name);
      const auto key = text.Finish();
      const auto keys = builder.CreateVector(&key, 1);
      const auto item = wire::CreateValue(builder);
      const auto items = builder.CreateVector(&item, 1);
      wire::ValueBuilder map(builder);
      map.add_kind(ValueKind::map);
      map.add_keys(keys);
      map.add_items(items);
      maps.push_back(map.Finish());
    }
    const auto items = builder.CreateVector(maps);
    wire::ValueBuilder list(builder);
    list.add_kind(ValueKind::list);
    list.add_items(items);
    return list.Finish();
  };
  CHECK(verify(raw_result(make)) == std::nullopt);
}
