// Values and failures, to and from their wire form.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "cut.hpp"
#include "handover.hpp"
#include "oast/codec.hpp"

namespace oast::wire {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

/// Message, body, value: how deep in its message a value of no list is.
constexpr unsigned kValueDepth = 3;
/// Message and body.
constexpr std::size_t kOuterTables = 2;
/// No table that `value` writes is larger, with its vtable and the offset that refers to it.
constexpr std::size_t kTableBytes = 128;

/// No failure is longer on the wire: `write` cuts long texts, so that a failure can always be sent.
constexpr std::size_t kFailureBytes = 512u << 10;
constexpr std::size_t kMessageBytes = 64u << 10;
constexpr std::size_t kNameBytes = 1u << 10;
constexpr std::size_t kStderrBytes = 4u << 10;
constexpr std::size_t kTracebackBytes = 256u << 10;
constexpr std::size_t kTracebackLines = 1000;
// An offset, a length and padding for each line; 32 KiB are more than all the rest.
static_assert(kMessageBytes + kNameBytes + kStderrBytes + kTracebackBytes + 12 * kTracebackLines +
                  (32u << 10) <=
              kFailureBytes);

/// The innermost lines, as many as fit.
std::span<const std::string> innermost(std::span<const std::string> lines) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < std::min(lines.size(), kTracebackLines)) {
    bytes += std::min(lines[lines.size() - 1 - count].size(), kMessageBytes);
    if (bytes > kTracebackBytes) break;
    ++count;
  }
  return lines.last(count);
}

/// Shorter lists are no smaller or faster packed.
constexpr std::size_t kPackedItems = 16;

template <class Item>
std::vector<std::byte> pack_as(const oast::Value::List& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(Item));
  std::byte* at = bytes.data();
  for (const auto& item : items) {
    std::memcpy(at, std::get_if<Item>(&item.variant()), sizeof(Item));
    at += sizeof(Item);
  }
  return bytes;
}

/// The element type of a list to be packed.
std::optional<wire::DType> packed_type(const oast::Value::List& items) {
  static_assert(sizeof(bool) == 1 && std::endian::native == std::endian::little);
  if (items.size() < kPackedItems) return std::nullopt;
  const std::size_t kind = items.front().variant().index();
  const auto same = [kind](const auto& item) { return item.variant().index() == kind; };
  if (!std::all_of(items.begin(), items.end(), same)) return std::nullopt;
  switch (static_cast<ValueKind>(kind)) {
    case ValueKind::boolean:
      return wire::DType::bool8;
    case ValueKind::int64:
      return wire::DType::int64;
    case ValueKind::float64:
      return wire::DType::float64;
    default:
      return std::nullopt;
  }
}

[[noreturn]] void refuse(const std::string& why) { throw Error(oast::FailureKind::invalid, why); }

void check(const Tensor& tensor) {
  const auto bytes = byte_size(tensor.dtype, tensor.shape);
  if (bytes && *bytes == tensor.data.size()) return;
  refuse(oast::Value(tensor).describe() + " does not have " + std::to_string(tensor.data.size()) +
         " bytes");
}

void release_owner(void*, void* owner) {
  taken_over(owner);
  delete static_cast<std::shared_ptr<const void>*>(owner);
}

/// A frame that shares the buffer's bytes and keeps their owner alive.
zmq::message_t frame_of(const Buffer& buffer) {
  auto owner = std::make_unique<std::shared_ptr<const void>>(buffer.owner());
  // zmq takes them as not const, and nobody writes to them.
  auto* bytes = const_cast<std::byte*>(buffer.bytes().data());
  zmq::message_t frame(bytes, buffer.size(), release_owner, owner.get());
  hand_over(owner.release());  // the frame's now
  return frame;
}

}  // namespace

// ---------------------------------------------------------------------------------------------
// Writing

/// Writes one value and all inside it: children first, as FlatBuffers wants it.
class Writer::ValueWriter {
 public:
  explicit ValueWriter(Writer& writer) : w_(writer), builder_(writer.builder_) {}

  ValueOffset write(const oast::Value& value, unsigned depth) {
    check_depth(depth);
    count_tables(1);
    w_.reserve(kTableBytes);
    depth_ = depth;
    return std::visit([this](const auto& v) { return put(v); }, value.variant());
  }

  template <class Values, class Project>
  ValueOffsets list(const Values& values, unsigned depth, Project project) {
    const std::size_t first = w_.items_.size();
    for (const auto& value : values) {
      const ValueOffset offset = write(project(value), depth);  // may move items_
      w_.items_.push_back(offset);
    }
    w_.reserve(values.size() * sizeof(flatbuffers::uoffset_t));
    const auto vector = builder_.CreateVector(w_.items_.data() + first, w_.items_.size() - first);
    w_.items_.resize(first);
    return vector;
  }

 private:
  void check_depth(unsigned depth) const {
    if (depth > w_.limits_.depth) refuse("the value nests too deep to be sent");
  }
  void count_tables(std::size_t count) {
    w_.tables_ += count;
    if (w_.tables_ + kOuterTables > w_.limits_.tables) refuse("the value has too many parts");
  }

  ValueOffset put(std::monostate) { return start(ValueKind::nil).Finish(); }

  ValueOffset put(bool v) {
    auto table = start(ValueKind::boolean);
    table.add_integer(v ? 1 : 0);
    return table.Finish();
  }

  ValueOffset put(std::int64_t v) {
    auto table = start(ValueKind::int64);
    table.add_integer(v);
    return table.Finish();
  }

  ValueOffset put(double v) {
    auto table = start(ValueKind::float64);
    builder_.ForceDefaults(true);  // else -0.0, which equals the default, would be left out
    table.add_real(v);
    builder_.ForceDefaults(false);
    return table.Finish();
  }

  ValueOffset put(const std::string& v) {
    const bool apart = v.size() >= kInlineText && w_.buffers_.size() < w_.limits_.buffer_count;
    if (apart) return in_buffer(ValueKind::string, Buffer::copy_of(v));
    const auto text = w_.string(v);
    auto table = start(ValueKind::string);
    table.add_text(text);
    return table.Finish();
  }

  ValueOffset put(const Buffer& v) {
    const Data data = put_data(v);
    auto table = start(ValueKind::bytes);
    data.add_to(table);
    return table.Finish();
  }

  ValueOffset put(const oast::Value::List& v) {
    if (const auto dtype = packed_type(v)) return put_packed(v, *dtype);
    const auto items = list(v, depth_ + 1, std::identity{});
    auto table = start(ValueKind::list);
    table.add_items(items);
    return table.Finish();
  }

  ValueOffset put_packed(const oast::Value::List& v, wire::DType dtype) {
    w_.packed_items_ += v.size();
    if (w_.packed_items_ > w_.limits_.packed_items)
      refuse("the value has more than " + std::to_string(w_.limits_.packed_items) +
             " items in lists of numbers: send them as a tensor");
    auto bytes = std::make_shared<std::vector<std::byte>>(
        dtype == wire::DType::bool8   ? pack_as<bool>(v)
        : dtype == wire::DType::int64 ? pack_as<std::int64_t>(v)
                                      : pack_as<double>(v));
    const std::span<const std::byte> view = *bytes;
    // Half of the buffers are left to what can travel in nothing else.
    const bool apart = w_.buffers_.size() < w_.limits_.buffer_count / 2;
    const Data data = put_data(Buffer(std::move(bytes), view), apart);
    auto table = start(ValueKind::packed);
    table.add_dtype(dtype);
    data.add_to(table);
    return table.Finish();
  }

  ValueOffset put(const oast::Value::Map& v) {
    const unsigned inside = depth_ + 1;
    const auto keys = list(
        v, inside, [](const auto& entry) -> auto& { return entry.first; });
    const auto items = list(
        v, inside, [](const auto& entry) -> auto& { return entry.second; });
    auto table = start(ValueKind::map);
    table.add_items(items);
    table.add_keys(keys);
    return table.Finish();
  }

  ValueOffset put(const Tensor& v) {
    check(v);
    const std::int32_t buffer = w_.add_buffer(v.data);
    w_.reserve(v.shape.size() * sizeof(std::int64_t));
    const auto shape = builder_.CreateVector(v.shape);
    auto table = start(ValueKind::tensor);
    table.add_shape(shape);
    table.add_buffer(buffer);
    table.add_dtype(static_cast<wire::DType>(v.dtype));
    return table.Finish();
  }

  ValueOffset put(const Boxed<oast::Failure>& v) {
    check_depth(depth_ + 2);                           // the failure and its death
    count_tables(3 + innermost(v->traceback).size());  // see verify_cost.hpp
    const auto failure = wire::write(builder_, *v);
    w_.reserve(0);  // only now, as `write` adds no more than kFailureBytes
    auto table = start(ValueKind::error);
    table.add_failure(failure);
    return table.Finish();
  }

  ValueOffset put(const Native& v) {
    if (v.format.empty()) refuse("native data needs the name of its format");
    const Data data = put_data(v.data);
    const auto format = w_.string(v.format);
    ValueOffsets buffers;
    if (!v.buffers.empty()) buffers = list(v.buffers, depth_ + 1, std::identity{});
    auto table = start(ValueKind::native);
    table.add_text(format);
    table.add_items(buffers);  // adds nothing when there are none
    data.add_to(table);
    return table.Finish();
  }

  /// Bytes in the message or in a buffer of their own.
  struct Data {
    Offset<flatbuffers::Vector<std::uint8_t>> bytes;
    std::int32_t buffer = -1;
    void add_to(ValueBuilder& table) const {
      table.add_bytes(bytes);  // adds nothing when there are none
      table.add_buffer(buffer);
    }
  };
  Data put_data(const Buffer& data, bool apart = true) {
    if (apart && data.size() >= kInlineBytes) return {{}, w_.add_buffer(data)};
    w_.reserve(data.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.bytes().data());
    return {builder_.CreateVector(bytes, data.size()), -1};
  }

  ValueOffset in_buffer(ValueKind kind, const Buffer& data) {
    const std::int32_t buffer = w_.add_buffer(data);
    auto table = start(kind);
    table.add_buffer(buffer);
    return table.Finish();
  }

  ValueBuilder start(ValueKind kind) {
    ValueBuilder table(builder_);
    table.add_kind(kind);
    return table;
  }

  Writer& w_;
  FlatBufferBuilder& builder_;
  unsigned depth_ = 0;  // of the value being written; `list` changes it
};

Offset<wire::Value> Writer::value(const oast::Value& value) {
  try {
    return ValueWriter(*this).write(value, kValueDepth);
  } catch (...) {
    clear();
    throw;
  }
}

Offset<flatbuffers::Vector<Offset<wire::Value>>> Writer::values(
    std::span<const oast::Value> values) {
  try {
    return ValueWriter(*this).list(values, kValueDepth, std::identity{});
  } catch (...) {
    clear();
    throw;
  }
}

std::int32_t Writer::add_buffer(const Buffer& buffer) {
  if (buffers_.size() >= limits_.buffer_count) refuse("the value has too many arrays");
  if (buffer.size() > limits_.buffer_bytes)
    refuse("an array or a text of " + std::to_string(buffer.size()) + " bytes is more than the " +
           std::to_string(limits_.buffer_bytes) + " that can be sent in one piece");
  buffer_bytes_ += buffer.size();
  const auto bytes = buffer.bytes();
  buffers_.push_back(bytes.size() < kInlineBytes ? zmq::message_t(bytes.data(), bytes.size())
                                                 : frame_of(buffer));
  return static_cast<std::int32_t>(buffers_.size() - 1);
}

Offset<wire::Death> write(FlatBufferBuilder& builder, const oast::Death& death) {
  const auto signal_name = builder.CreateString(head(death.signal_name, kNameBytes));
  const auto explanation = builder.CreateString(head(death.explanation, kMessageBytes));
  const auto stderr_tail = builder.CreateString(tail(death.stderr_tail, kStderrBytes));
  return CreateDeath(builder, static_cast<wire::DeathCause>(death.cause), death.exit_code,
                     death.signal, signal_name, explanation, stderr_tail);
}

Offset<wire::Failure> write(FlatBufferBuilder& builder, const oast::Failure& failure) {
  const auto message = builder.CreateString(head(failure.message, kMessageBytes));
  const auto type = builder.CreateString(head(failure.type, kNameBytes));
  const auto lines = innermost(failure.traceback);
  const auto traceback = builder.CreateVector<Offset<flatbuffers::String>>(
      lines.size(),
      [&](std::size_t i) { return builder.CreateString(head(lines[i], kMessageBytes)); });
  Offset<wire::Death> death;
  if (failure.kind == oast::FailureKind::kernel_died || failure.death != oast::Death{}) {
    death = write(builder, failure.death);
  }
  return CreateFailure(builder, static_cast<wire::FailureKind>(failure.kind), message, type,
                       traceback, death);
}

// ---------------------------------------------------------------------------------------------
// Reading

namespace {

oast::FailureKind known(wire::FailureKind kind) {
  // A kind of a later version: this side does not know what to do about it.
  if (kind > wire::FailureKind::MAX) return oast::FailureKind::unimplemented;
  return static_cast<oast::FailureKind>(kind);
}

oast::DeathCause known(wire::DeathCause cause) {
  return cause > wire::DeathCause::MAX ? oast::DeathCause::exited
                                       : static_cast<oast::DeathCause>(cause);
}

Buffer read_data(const wire::Value& value, std::span<const Buffer> buffers) {
  if (value.buffer() >= 0) return buffers[static_cast<std::size_t>(value.buffer())];
  const auto* bytes = value.bytes();
  if (bytes == nullptr) return {};
  return Buffer::copy_of(std::as_bytes(std::span(bytes->data(), bytes->size())));
}

std::string read_text(const wire::Value& value, std::span<const Buffer> buffers) {
  if (value.buffer() < 0) return std::string(text(value.text()));
  return std::string(buffers[static_cast<std::size_t>(value.buffer())].view());
}

template <class Item>
oast::Value::List unpack_as(std::span<const std::byte> bytes) {
  oast::Value::List items;
  items.reserve(bytes.size() / sizeof(Item));
  for (; bytes.size() >= sizeof(Item); bytes = bytes.subspan(sizeof(Item))) {
    Item item{};
    std::memcpy(&item, bytes.data(), sizeof item);
    items.emplace_back(item);
  }
  return items;
}

oast::Value::List read_packed(const wire::Value& value, std::span<const Buffer> buffers) {
  std::span<const std::byte> bytes;
  if (value.buffer() >= 0)
    bytes = buffers[static_cast<std::size_t>(value.buffer())].bytes();
  else if (const auto* inside = value.bytes())
    bytes = std::as_bytes(std::span(inside->data(), inside->size()));
  if (value.dtype() == wire::DType::int64) return unpack_as<std::int64_t>(bytes);
  if (value.dtype() == wire::DType::float64) return unpack_as<double>(bytes);
  oast::Value::List items;
  items.reserve(bytes.size());
  for (const std::byte item : bytes) items.emplace_back(item != std::byte{0});
  return items;
}

Native read_native(const wire::Value& value, std::span<const Buffer> buffers) {
  Native native{std::string(text(value.text())), read_data(value, buffers)};
  if (const auto* items = value.items()) {
    for (const wire::Value* item : *items) native.buffers.push_back(read_data(*item, buffers));
  }
  return native;
}

Tensor read_tensor(const wire::Value& value, std::span<const Buffer> buffers) {
  Tensor tensor;
  tensor.dtype = static_cast<oast::DType>(value.dtype());
  if (const auto* shape = value.shape()) tensor.shape.assign(shape->begin(), shape->end());
  tensor.data = buffers[static_cast<std::size_t>(value.buffer())];
  return tensor;
}

oast::Value::Map read_map(const wire::Value& value, std::span<const Buffer> buffers) {
  oast::Value::Map entries;
  const auto* keys = value.keys();
  const auto* items = value.items();
  if (keys == nullptr || items == nullptr) return entries;
  entries.reserve(items->size());
  for (flatbuffers::uoffset_t i = 0; i < items->size(); ++i) {
    entries.emplace_back(read(keys->Get(i), buffers), read(items->Get(i), buffers));
  }
  return entries;
}

}  // namespace

oast::Value read(const wire::Value* value, std::span<const Buffer> buffers) {
  if (value == nullptr) return {};
  switch (value->kind()) {
    case ValueKind::nil:
      return {};
    case ValueKind::boolean:
      return value->integer() != 0;
    case ValueKind::int64:
      return value->integer();
    case ValueKind::float64:
      return value->real();
    case ValueKind::string:
      return read_text(*value, buffers);
    case ValueKind::bytes:
      return read_data(*value, buffers);
    case ValueKind::list:
      return read(value->items(), buffers);
    case ValueKind::map:
      return read_map(*value, buffers);
    case ValueKind::tensor:
      return read_tensor(*value, buffers);
    case ValueKind::error:
      return read(*value->failure());
    case ValueKind::native:
      return read_native(*value, buffers);
    case ValueKind::packed:
      return read_packed(*value, buffers);
  }
  return {};  // `verify` lets no other kind in
}

std::vector<oast::Value> read(const flatbuffers::Vector<Offset<wire::Value>>* values,
                              std::span<const Buffer> buffers) {
  std::vector<oast::Value> result;
  if (values == nullptr) return result;
  result.reserve(values->size());
  for (const wire::Value* value : *values) result.push_back(read(value, buffers));
  return result;
}

oast::Failure read(const wire::Failure& failure) {
  oast::Failure result;
  result.kind = known(failure.kind());
  result.message = text(failure.message());
  result.type = text(failure.type());
  if (const auto* lines = failure.traceback()) {
    result.traceback.reserve(lines->size());
    for (const auto* line : *lines) result.traceback.emplace_back(text(line));
  }
  result.death = read(failure.death());
  return result;
}

oast::Death read(const wire::Death* death) {
  if (death == nullptr) return {};
  return {.cause = known(death->cause()),
          .exit_code = death->exit_code(),
          .signal = death->signal(),
          .signal_name = std::string(text(death->signal_name())),
          .explanation = std::string(text(death->explanation())),
          .stderr_tail = std::string(text(death->stderr_tail()))};
}

}  // namespace oast::wire
