#include "oast/c_value.hpp"

#include <string>
#include <utility>

#include "overloaded.hpp"

namespace oast {

namespace {

/// The same limit as the wire's, so that no recursion is deeper than what can be sent.
constexpr unsigned kMostNested = 64;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(FailureKind::invalid, "these nodes are no value: " + why);
}

oast_death to_c_death(const Death& death) {
  return {.cause = static_cast<std::uint32_t>(death.cause),
          .exit_code = death.exit_code,
          .signal = death.signal,
          .signal_name = to_c(death.signal_name),
          .explanation = to_c(death.explanation),
          .stderr_tail = to_c(death.stderr_tail)};
}

/// Reads nodes from front to back.
class Reader {
 public:
  Reader(oast_value nodes, const std::shared_ptr<const void>& lender)
      : nodes_(nodes.nodes, nodes.count), lender_(lender) {}

  bool at_end() const { return nodes_.empty(); }

  Value next() {
    const oast_node& node = take();
    switch (node.kind) {
      case OAST_NIL:
        return {};
      case OAST_BOOL:
        return node.integer != 0;
      case OAST_INT64:
        return node.integer;
      case OAST_FLOAT64:
        return node.real;
      case OAST_STRING:
        return std::string(text(node));
      case OAST_BYTES:
        return data(node);
      case OAST_LIST:
        return list(node);
      case OAST_MAP:
        return map(node);
      case OAST_TENSOR:
        return tensor(node);
      case OAST_ERROR:
        if (node.failure == nullptr) refuse("an error without its failure");
        return from_c(*node.failure);
      case OAST_NATIVE:
        return native(node);
      case OAST_PACKED:
        return packed(node);
      default:
        refuse("there is no kind " + std::to_string(node.kind));
    }
  }

 private:
  const oast_node& take() {
    if (nodes_.empty()) refuse("there are fewer than their counts say");
    const oast_node& node = nodes_.front();
    nodes_ = nodes_.subspan(1);
    return node;
  }

  static std::string_view text(const oast_node& node) {
    if (node.data == nullptr && node.size > 0) refuse("data is NULL and its size is not 0");
    return {static_cast<const char*>(node.data), node.size};
  }

  Buffer data(const oast_node& node) const {
    const std::string_view bytes = text(node);
    if (!lender_) return Buffer::copy_of(bytes);
    return {lender_, std::as_bytes(std::span(bytes))};
  }

  void enter() {
    if (++depth_ > kMostNested) refuse("it is nested deeper than 64");
  }

  Value list(const oast_node& node) {
    if (node.count > nodes_.size()) refuse("a list has more items than there are nodes");
    enter();
    Value::List items;
    items.reserve(node.count);
    for (std::uint64_t i = 0; i < node.count; ++i) items.push_back(next());
    --depth_;
    return items;
  }

  Value map(const oast_node& node) {
    if (node.count > nodes_.size() / 2) refuse("a map has more pairs than there are nodes");
    enter();
    Value::Map pairs;
    pairs.reserve(node.count);
    for (std::uint64_t i = 0; i < node.count; ++i) {
      Value key = next();
      Value value = next();
      pairs.emplace_back(std::move(key), std::move(value));
    }
    --depth_;
    return pairs;
  }

  Value native(const oast_node& node) {
    if (node.format == nullptr) refuse("native data without the name of its format");
    if (node.count > nodes_.size()) refuse("native data has more buffers than there are nodes");
    Native result{node.format, data(node)};
    for (std::uint64_t i = 0; i < node.count; ++i) {
      const oast_node& buffer = take();
      if (buffer.kind != OAST_BYTES) refuse("native data has a buffer that is no bytes");
      result.buffers.push_back(data(buffer));
    }
    return result;
  }

  static DType dtype(const oast_node& node) {
    if (node.dtype > OAST_DTYPE_COMPLEX128)
      refuse("there is no dtype " + std::to_string(node.dtype));
    return static_cast<DType>(node.dtype);
  }

  Value packed(const oast_node& node) const {
    const DType type = dtype(node);
    if (type != DType::bool8 && type != DType::int64 && type != DType::float64)
      refuse("a packed list has items of bool8, int64 or float64, not " +
             std::string(to_string(type)));
    const std::size_t item = item_size(type);
    if (node.size % item != 0 || node.size / item != node.count)
      refuse("a packed list of " + std::to_string(node.count) + " items of " +
             std::string(to_string(type)) + " has not " + std::to_string(node.size) + " bytes");
    return PackedList(type, data(node));
  }

  Value tensor(const oast_node& node) const {
    const DType type = dtype(node);
    if (node.shape == nullptr && node.count > 0) refuse("a tensor without its shape");
    if (node.count > kMostNested) refuse("a tensor of more than 64 dimensions");
    std::vector<std::int64_t> shape(node.shape, node.shape + node.count);
    const auto bytes = byte_size(type, shape);
    if (!bytes || *bytes != node.size)
      refuse("a tensor of that shape and dtype has not " + std::to_string(node.size) + " bytes");
    return Tensor{type, std::move(shape), data(node)};
  }

  std::span<const oast_node> nodes_;
  const std::shared_ptr<const void>& lender_;
  unsigned depth_ = 0;
};

}  // namespace

CFailure::CFailure(const Failure& failure) {
  for (const std::string& line : failure.traceback) traceback_.push_back(to_c(line));
  failure_ = {.status = static_cast<std::uint32_t>(to_c(failure.kind)),
              .message = to_c(failure.message),
              .type = to_c(failure.type),
              .traceback = traceback_.data(),
              .traceback_count = traceback_.size(),
              .death = nullptr};
  if (failure.kind != FailureKind::kernel_died) return;
  death_ = to_c_death(failure.death);
  failure_.death = &death_;
}

CValues::CValues(std::vector<Value> values) : values_(std::move(values)) {
  for (const Value& value : values_) add(value);
}

void CValues::add(const Value& value) {
  nodes_.push_back({});
  oast_node& node = nodes_.back();  // until the next is added
  if (const PackedList* list = value.packed()) {
    node.kind = OAST_PACKED;
    node.dtype = static_cast<std::uint32_t>(list->dtype());
    node.data = list->data().bytes().data();
    node.size = list->data().size();
    node.count = list->size();
    return;
  }
  node.kind = static_cast<std::uint32_t>(value.variant().index());
  const auto set_data = [&node](std::string_view bytes) {
    node.data = bytes.data();
    node.size = bytes.size();
  };
  std::visit(
      Overloaded{[](std::monostate) {}, [&](bool v) { node.integer = v ? 1 : 0; },
                 [&](std::int64_t v) { node.integer = v; }, [&](double v) { node.real = v; },
                 [&](const std::string& v) { set_data(v); },
                 [&](const Buffer& v) { set_data(v.view()); },
                 [&](const Value::List& v) {
                   node.count = v.size();
                   // At most doubles, as growing does: many short lists must not copy all each
                   // time.
                   if (v.size() > nodes_.capacity()) nodes_.reserve(nodes_.size() + v.size());
                   for (const Value& item : v) add(item);
                 },
                 [&](const Value::Map& v) {
                   node.count = v.size();
                   for (const auto& [key, item] : v) {
                     add(key);
                     add(item);
                   }
                 },
                 [&](const Tensor& v) {
                   node.dtype = static_cast<std::uint32_t>(v.dtype);
                   node.shape = v.shape.data();
                   node.count = v.shape.size();
                   set_data(v.data.view());
                 },
                 [&](const Boxed<Failure>& v) { node.failure = failures_.emplace_back(*v).get(); },
                 [&](const Native& v) {
                   node.format = v.format.c_str();
                   node.count = v.buffers.size();
                   set_data(v.data.view());
                   for (const Buffer& buffer : v.buffers) add(buffer);
                 }},
      value.variant());
}

std::vector<Value> from_c(oast_value nodes, std::size_t count,
                          const std::shared_ptr<const void>& lender) {
  Reader reader(nodes, lender);
  std::vector<Value> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(reader.next());
  if (!reader.at_end()) refuse("there are more than their counts say");
  return values;
}

Value from_c(oast_value nodes, const std::shared_ptr<const void>& lender) {
  if (nodes.count == 0) return {};
  return std::move(from_c(nodes, 1, lender).front());
}

Failure from_c(const oast_failure& failure) {
  if (failure.status == OAST_OK || failure.status > OAST_INCOMPATIBLE)
    throw Error(FailureKind::invalid,
                "no failure has the status " + std::to_string(failure.status));
  Failure result;
  result.kind = static_cast<FailureKind>(failure.status - 1);
  result.message = from_c(failure.message);
  result.type = from_c(failure.type);
  for (std::size_t i = 0; i < failure.traceback_count; ++i)
    result.traceback.emplace_back(from_c(failure.traceback[i]));
  if (failure.death == nullptr) return result;
  const oast_death& death = *failure.death;
  if (death.cause > OAST_DEATH_PROTOCOL_ERROR)
    throw Error(FailureKind::invalid, "there is no cause of death " + std::to_string(death.cause));
  result.death = {.cause = static_cast<DeathCause>(death.cause),
                  .exit_code = death.exit_code,
                  .signal = death.signal,
                  .signal_name = std::string(from_c(death.signal_name)),
                  .explanation = std::string(from_c(death.explanation)),
                  .stderr_tail = std::string(from_c(death.stderr_tail))};
  return result;
}

std::string_view from_c(oast_text text) {
  if (text.data == nullptr) return {};
  return {text.data, text.size};
}

oast_text to_c(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace oast
