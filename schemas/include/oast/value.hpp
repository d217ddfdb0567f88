// Values that cross languages.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "oast/error.hpp"

namespace oast {

/// Bytes that somebody keeps alive: a received frame, a vector, a mapping. Copying shares.
class Buffer {
 public:
  Buffer() = default;
  /// `bytes` must stay valid and unchanged as long as `owner` lives.
  Buffer(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}
  static Buffer copy_of(std::span<const std::byte> bytes);
  static Buffer copy_of(std::string_view bytes);

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  /// Equal contents.
  bool operator==(const Buffer& other) const { return view() == other.view(); }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// Element types of a tensor, little-endian. Numbers are those of wire::DType.
enum class DType : unsigned char {
  bool8,
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float16,
  float32,
  float64,
  complex64,
  complex128,
};

/// Bytes of one element.
std::size_t item_size(DType dtype);
/// "float64", ...
std::string_view to_string(DType dtype);
/// The number of a float16: IEEE 754 binary16.
double half_to_double(std::uint16_t bits);
/// Bytes of a tensor. Nothing when a dimension is negative or the product overflows.
std::optional<std::size_t> byte_size(DType dtype, std::span<const std::int64_t> shape);

/// A dense array, row-major. `data.size()` is `item_size(dtype)` times the product of `shape`; an
/// empty shape is a scalar.
struct Tensor {
  DType dtype = DType::float64;
  std::vector<std::int64_t> shape;
  Buffer data;

  bool operator==(const Tensor&) const = default;
};

/// Bytes in a language's own serialization; decoding them runs code, so only a host that trusts the
/// worker does.
struct Native {
  std::string format;  ///< "pickle5", "julia-serialization"
  Buffer data;
  std::vector<Buffer> buffers = {};  ///< out of band, as the format has it

  bool operator==(const Native&) const = default;
};

class Value;

/// A list of booleans, int64 or float64 as it travels: the items one after the other,
/// little-endian. Copying shares it.
class PackedList {
 public:
  /// Throws Error(invalid) when no packed list has such items, or `data` ends within one.
  PackedList(DType dtype, Buffer data);
  PackedList(const PackedList&) noexcept =
      default;  // also instead of a move, which would leave nothing behind
  PackedList& operator=(const PackedList&) noexcept = default;
  ~PackedList() = default;

  /// bool8 (0 is false), int64 or float64.
  DType dtype() const;
  const Buffer& data() const;
  std::size_t size() const;  ///< of items
  /// The list that this stands for. Made by the first call and kept; any thread.
  const Value& unpacked() const;
  operator const std::vector<Value>&() const;  ///< for visitors that know lists
  bool operator==(const PackedList& other) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// A T on the heap, so that a large kind does not make every Value large. Never empty; copying
/// shares it, and as nobody can change it, that cannot be seen.
template <class T>
class Boxed {
 public:
  Boxed(T v) : v_(std::make_shared<const T>(std::move(v))) {}
  Boxed(const Boxed&) noexcept =
      default;  // also instead of a move, which would leave nothing behind
  Boxed& operator=(const Boxed&) noexcept = default;
  ~Boxed() = default;

  const T& operator*() const { return *v_; }
  const T* operator->() const { return v_.get(); }
  operator const T&() const { return *v_; }
  bool operator==(const Boxed& other) const { return *v_ == *other.v_; }

 private:
  std::shared_ptr<const T> v_;
};

/// One portable value: nil, bool, int64, float64, string (UTF-8), bytes, list, map, tensor, error
/// or native. A regular type; copying a tensor or bytes shares their data.
class Value {
 public:
  using List = std::vector<Value>;
  /// Pairs in the sender's order; keys may be of any kind.
  using Map = std::vector<std::pair<Value, Value>>;
  using Variant = std::variant<std::monostate, bool, std::int64_t, double, std::string, Buffer,
                               List, Map, Tensor, Boxed<Failure>, Native, PackedList>;

  Value() = default;
  Value(std::nullptr_t) {}
  template <std::same_as<bool> T>  // a plain bool parameter would take any pointer
  Value(T v) : v_(v) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>)
      Value(T v);        ///< throws Error(invalid) when an unsigned v does not fit int64
  Value(char) = delete;  ///< a number or a string? Say which.
  template <std::floating_point T>
  Value(T v) : v_(static_cast<double>(v)) {}
  Value(const char* v) : v_(std::string(v)) {}
  Value(std::string_view v) : v_(std::string(v)) {}
  Value(std::string v) : v_(std::move(v)) {}
  Value(Buffer v) : v_(std::move(v)) {}
  Value(List v) : v_(std::move(v)) {}
  Value(Map v) : v_(std::move(v)) {}
  Value(Tensor v) : v_(std::move(v)) {}
  Value(Failure v) : v_(Boxed<Failure>(std::move(v))) {}
  Value(Native v) : v_(std::move(v)) {}
  /// A list to all who ask, and equal to one.
  Value(PackedList v) : v_(std::move(v)) {}
  template <class T>
  Value(const std::vector<T>& v);
  template <class T>
  Value(const std::map<std::string, T>& v);

  /// The value as a T: bool, any integer type, float, double, std::string, Buffer, List, Map,
  /// Tensor, Failure, Native, std::vector<T>, std::map<std::string, T>, std::optional<T>.
  /// An integer converts to a floating type when that is exact, a float to an integer when it is
  /// whole and in range, and to a smaller float, rounded, when it is in range. A bool is no number
  /// and a string no bytes. An empty list is an empty map too, and the reverse, as some languages
  /// cannot tell them apart. Throws Error(invalid) naming the place, what was found and what was
  /// wanted: "at [2].name: wanted a string, got the integer 7".
  template <class T>
  T as() const;

  bool is_nil() const { return std::holds_alternative<std::monostate>(v_); }
  /// The member of map `*this` with the string key `key`, or nullptr; nullptr when not a map.
  const Value* find(std::string_view key) const;
  /// Never a PackedList: that is unpacked to a List first, of about 100 bytes an item.
  const Variant& variant() const { return packed() == nullptr ? v_ : unpacked(); }
  Variant& variant();
  /// For those who read a list without unpacking it; nullptr when it is not packed.
  const PackedList* packed() const { return std::get_if<PackedList>(&v_); }
  /// "nil", "boolean", "integer", "float", "string", "bytes", "list", "map", ...
  std::string_view kind_name() const;
  /// For messages to people, short whatever the value is: "the integer 7", "a list of 3 items".
  std::string describe() const;

  bool operator==(const Value& other) const { return variant() == other.variant(); }

 private:
  const Variant& unpacked() const;

  Variant v_;
};

}  // namespace oast

#include "oast/value_convert.hpp"  // IWYU pragma: export
