#include "oast/value.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "overloaded.hpp"
#include "utf8_truncate.hpp"

namespace oast {

namespace {

struct DTypeInfo {
  std::size_t size;
  std::string_view name;
};
constexpr std::array<DTypeInfo, 14> kDTypes{{
    {1, "bool8"},
    {1, "int8"},
    {1, "uint8"},
    {2, "int16"},
    {2, "uint16"},
    {4, "int32"},
    {4, "uint32"},
    {8, "int64"},
    {8, "uint64"},
    {2, "float16"},
    {4, "float32"},
    {8, "float64"},
    {8, "complex64"},
    {16, "complex128"},
}};

/// The shortest text that reads back as `v`, and never that of an integer.
std::string shortest(double v) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), v).ptr;
  std::string result(text.data(), end);
  if (result.find_first_not_of("-0123456789") == std::string::npos) result += ".0";
  return result;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string result = "\"";
  for (const char c : head(text, kMost)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    result += control ? ' ' : c;
  }
  result += text.size() > kMost ? "\"..." : "\"";
  return result;
}

std::string counted(std::size_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + ' ' + std::string(n == 1 ? one : many);
}

std::string describe_tensor(const Tensor& tensor) {
  std::string text = "a tensor of " + std::string(to_string(tensor.dtype)) + " with shape [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) text += ", ";
    if (i == 8) return text + "...]";
    text += std::to_string(tensor.shape[i]);
  }
  return text + "]";
}

const Value::List kNoItems;
const Value::Map kNoEntries;

}  // namespace

Buffer Buffer::copy_of(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  const std::shared_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return {copy, {copy.get(), bytes.size()}};
}

Buffer Buffer::copy_of(std::string_view bytes) {
  return copy_of(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

std::size_t item_size(DType dtype) { return kDTypes.at(static_cast<std::size_t>(dtype)).size; }

std::string_view to_string(DType dtype) { return kDTypes.at(static_cast<std::size_t>(dtype)).name; }

std::optional<std::size_t> byte_size(DType dtype, std::span<const std::int64_t> shape) {
  std::size_t size = item_size(dtype);
  bool overflow = false;
  bool empty = false;
  for (const std::int64_t n : shape) {
    if (n < 0) return std::nullopt;
    empty |= n == 0;
    overflow |= __builtin_mul_overflow(size, static_cast<std::size_t>(n), &size);
  }
  if (empty) return 0;
  return overflow ? std::nullopt : std::optional(size);
}

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;  // with a bias of 15
  const int fraction = bits & 0x3FF;
  double magnitude = 0;
  if (exponent == 0x1F) {
    magnitude = fraction == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

const Value* Value::find(std::string_view key) const {
  const auto* entries = std::get_if<Map>(&v_);
  if (entries == nullptr) return nullptr;
  for (const auto& [name, item] : *entries) {
    const auto* text = std::get_if<std::string>(&name.v_);
    if (text != nullptr && *text == key) return &item;
  }
  return nullptr;
}

std::string_view Value::kind_name() const {
  constexpr std::array<std::string_view, std::variant_size_v<Variant>> kNames{
      "nil",  "boolean", "integer", "float", "string", "bytes",
      "list", "map",     "tensor",  "error", "native", "list"};
  return kNames.at(v_.index());
}

std::string Value::describe() const {
  return std::visit(
      Overloaded{
          [](std::monostate) -> std::string { return "nil"; },
          [](bool v) -> std::string { return v ? "the boolean true" : "the boolean false"; },
          [](std::int64_t v) { return "the integer " + std::to_string(v); },
          [](double v) { return "the float " + shortest(v); },
          [](const std::string& v) { return "the string " + in_quotes(v); },
          [](const Buffer& v) { return counted(v.size(), "byte", "bytes"); },
          [](const List& v) { return "a list of " + counted(v.size(), "item", "items"); },
          [](const PackedList& v) { return "a list of " + counted(v.size(), "item", "items"); },
          [](const Map& v) { return "a map of " + counted(v.size(), "entry", "entries"); },
          [](const Tensor& v) { return describe_tensor(v); },
          [](const Boxed<Failure>& v) { return "the error " + in_quotes(v->message); },
          [](const Native& v) { return "native data in the format " + in_quotes(v.format); },
      },
      v_);
}

namespace detail {

namespace {

std::string to_text(const Place* place) {
  if (place == nullptr) return {};
  return to_text(place->outer) +
         std::visit(Overloaded{
                        [](std::size_t index) { return "[" + std::to_string(index) + "]"; },
                        [](std::string_view key) { return "." + std::string(key); },
                        [](const Value* key) { return "[key: " + key->describe() + "]"; },
                    },
                    place->step);
}

std::string integer_type(bool is_signed, std::uint64_t max) {
  int bits = is_signed ? 1 : 0;
  for (; max != 0; max >>= 1) ++bits;
  return std::string(is_signed ? "an int" : "a uint") + std::to_string(bits);
}

/// The value as an int64 if it is one, or a float that equals one.
std::optional<std::int64_t> whole(const Value& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value.variant())) return *i;
  const auto* d = std::get_if<double>(&value.variant());
  constexpr double kEnd = 9223372036854775808.0;  // 2^63; written so that NaN fails too
  if (d == nullptr || !(*d >= -kEnd && *d < kEnd) || std::trunc(*d) != *d) return std::nullopt;
  return static_cast<std::int64_t>(*d);
}

template <class T>
const T& get(const Value& value, const Place* place, std::string_view wanted) {
  const auto* found = std::get_if<T>(&value.variant());
  if (found == nullptr) throw_mismatch(place, wanted, value);
  return *found;
}

}  // namespace

void throw_mismatch(const Place* place, std::string_view wanted, const Value& got) {
  std::string text = place == nullptr ? std::string() : "at " + to_text(place) + ": ";
  text += "wanted " + std::string(wanted) + ", got " + got.describe();
  throw Error(FailureKind::invalid, text);
}

bool to_bool(const Value& value, const Place* place) {
  return get<bool>(value, place, "a boolean");
}

std::int64_t to_int(const Value& value, const Place* place, std::int64_t min, std::int64_t max) {
  const auto i = whole(value);
  if (!i || *i < min || *i > max) {
    throw_mismatch(place, integer_type(true, static_cast<std::uint64_t>(max)), value);
  }
  return *i;
}

std::uint64_t to_unsigned(const Value& value, const Place* place, std::uint64_t max) {
  const auto i = whole(value);
  if (!i || *i < 0 || static_cast<std::uint64_t>(*i) > max) {
    throw_mismatch(place, integer_type(false, max), value);
  }
  return static_cast<std::uint64_t>(*i);
}

double to_double(const Value& value, const Place* place) {
  if (const auto* d = std::get_if<double>(&value.variant())) return *d;
  const auto* i = std::get_if<std::int64_t>(&value.variant());
  if (i == nullptr) throw_mismatch(place, "a number", value);
  const auto d = static_cast<double>(*i);
  // The conversion back is defined only below 2^63, to which the largest integers round up.
  if (d >= 9223372036854775808.0 || static_cast<std::int64_t>(d) != *i) {
    throw_mismatch(place, "a number that a float64 holds exactly", value);
  }
  return d;
}

float to_float(const Value& value, const Place* place) {
  const double d = to_double(value, place);
  const bool in_range = !std::isfinite(d) || std::abs(d) <= std::numeric_limits<float>::max();
  if (!in_range) throw_mismatch(place, "a float32", value);
  const auto f = static_cast<float>(d);
  const bool integer = std::holds_alternative<std::int64_t>(value.variant());
  if (integer && static_cast<double>(f) != d) {
    throw_mismatch(place, "a number that a float32 holds exactly", value);
  }
  return f;
}

const Value::List& to_list(const Value& value, const Place* place) {
  const auto* entries = std::get_if<Value::Map>(&value.variant());
  if (entries != nullptr && entries->empty()) return kNoItems;
  return get<Value::List>(value, place, "a list");
}

const Value::Map& to_map(const Value& value, const Place* place) {
  const auto* items = std::get_if<Value::List>(&value.variant());
  if (items != nullptr && items->empty()) return kNoEntries;
  return get<Value::Map>(value, place, "a map");
}

const std::string& to_string(const Value& value, const Place* place) {
  return get<std::string>(value, place, "a string");
}

Buffer Convert<Buffer>::from(const Value& value, const Place* place) {
  return get<Buffer>(value, place, "bytes");
}

Tensor Convert<Tensor>::from(const Value& value, const Place* place) {
  return get<Tensor>(value, place, "a tensor");
}

Native Convert<Native>::from(const Value& value, const Place* place) {
  return get<Native>(value, place, "native data");
}

Failure Convert<Failure>::from(const Value& value, const Place* place) {
  return *get<Boxed<Failure>>(value, place, "an error");
}

std::int64_t checked_int64(std::uint64_t v) {
  if (v > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Error(FailureKind::invalid, std::to_string(v) + " is too large for an int64");
  }
  return static_cast<std::int64_t>(v);
}

}  // namespace detail

}  // namespace oast
