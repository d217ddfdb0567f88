// Values and failures from their wire form.
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "oast/codec.hpp"

namespace oast::wire {

using flatbuffers::Offset;

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
      return PackedList(static_cast<oast::DType>(value->dtype()), read_data(*value, buffers));
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
