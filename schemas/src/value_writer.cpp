// Values and failures to their wire form.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "oast/codec.hpp"
#include "oast/thread_handover.hpp"
#include "utf8_truncate.hpp"

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
PackedList pack_as(oast::DType dtype, const oast::Value::List& items) {
  auto bytes = std::make_shared<std::vector<std::byte>>(items.size() * sizeof(Item));
  std::byte* at = bytes->data();
  for (const auto& item : items) {
    std::memcpy(at, std::get_if<Item>(&item.variant()), sizeof(Item));
    at += sizeof(Item);
  }
  const std::span<const std::byte> view = *bytes;
  return {dtype, Buffer(std::move(bytes), view)};
}

/// The list packed, when it is one to be packed.
std::optional<PackedList> packed(const oast::Value::List& items) {
  static_assert(sizeof(bool) == 1 && std::endian::native == std::endian::little);
  if (items.size() < kPackedItems || items.front().packed() != nullptr) return std::nullopt;
  const std::size_t kind = items.front().variant().index();
  const auto same = [kind](const auto& item) {
    return item.packed() == nullptr && item.variant().index() == kind;
  };
  if (!std::all_of(items.begin(), items.end(), same)) return std::nullopt;
  switch (static_cast<ValueKind>(kind)) {
    case ValueKind::boolean:
      return pack_as<bool>(oast::DType::bool8, items);
    case ValueKind::int64:
      return pack_as<std::int64_t>(oast::DType::int64, items);
    case ValueKind::float64:
      return pack_as<double>(oast::DType::float64, items);
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

/// Writes one value and all inside it: children first, as FlatBuffers wants it.
class Writer::ValueWriter {
 public:
  explicit ValueWriter(Writer& writer) : w_(writer), builder_(writer.builder_) {}

  ValueOffset write(const oast::Value& value, unsigned depth) {
    check_depth(depth);
    count_tables(1);
    w_.reserve(kTableBytes);
    depth_ = depth;
    if (const PackedList* list = value.packed()) return put(*list);
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
    if (const auto list = packed(v)) return put(*list);
    const auto items = list(v, depth_ + 1, std::identity{});
    auto table = start(ValueKind::list);
    table.add_items(items);
    return table.Finish();
  }

  ValueOffset put(const PackedList& v) {
    // Half of the buffers are left to what can travel in nothing else.
    const bool apart = w_.buffers_.size() < w_.limits_.buffer_count / 2;
    const Data data = put_data(v.data(), apart);
    auto table = start(ValueKind::packed);
    table.add_dtype(static_cast<wire::DType>(v.dtype()));
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

wire::DeathT to_wire(const oast::Death& death) {
  wire::DeathT table;
  table.cause = static_cast<wire::DeathCause>(death.cause);
  table.exit_code = death.exit_code;
  table.signal = death.signal;
  table.signal_name = head(death.signal_name, kNameBytes);
  table.explanation = head(death.explanation, kMessageBytes);
  table.stderr_tail = tail(death.stderr_tail, kStderrBytes);
  return table;
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
    const wire::DeathT table = to_wire(failure.death);
    death = wire::CreateDeath(builder, &table);
  }
  return CreateFailure(builder, static_cast<wire::FailureKind>(failure.kind), message, type,
                       traceback, death);
}

}  // namespace oast::wire
