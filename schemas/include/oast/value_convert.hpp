// Conversions between Value and C++ types: the templates of value.hpp, which includes this.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "oast/value.hpp"

namespace oast {

namespace detail {

/// Where in a value a conversion is: a chain of steps on the stack, innermost first.
struct Place {
  const Place* outer = nullptr;
  std::variant<std::size_t, std::string_view, const Value*>
      step;  ///< index, key, key that is no string
};

/// Throws Error(invalid): "at PLACE: wanted WANTED, got GOT".
[[noreturn]] void throw_mismatch(const Place* place, std::string_view wanted, const Value& got);

bool to_bool(const Value& value, const Place* place);
double to_double(const Value& value, const Place* place);
float to_float(const Value& value, const Place* place);
/// `wanted` is the name of the type whose least and greatest values are `min` and `max`.
std::int64_t to_int(const Value& value, const Place* place, std::int64_t min, std::int64_t max);
std::uint64_t to_unsigned(const Value& value, const Place* place, std::uint64_t max);
/// An empty list for an empty map.
const Value::List& to_list(const Value& value, const Place* place);
/// An empty map for an empty list.
const Value::Map& to_map(const Value& value, const Place* place);
const std::string& to_string(const Value& value, const Place* place);

template <class T>
inline constexpr bool kConvertible = false;

/// `Convert<T>::from(value, place)` for every T that Value::as gives.
template <class T>
struct Convert {
  static_assert(kConvertible<T>,
                "Value::as does not give this type; value.hpp lists those it does");
};

template <>
struct Convert<Value> {
  static Value from(const Value& value, const Place*) { return value; }
};

template <>
struct Convert<bool> {
  static bool from(const Value& value, const Place* place) { return to_bool(value, place); }
};

template <std::signed_integral T>
struct Convert<T> {
  static T from(const Value& value, const Place* place) {
    using Range = std::numeric_limits<T>;
    return static_cast<T>(to_int(value, place, Range::min(), Range::max()));
  }
};

template <std::unsigned_integral T>
requires(!std::same_as<T, bool>) struct Convert<T> {
  static T from(const Value& value, const Place* place) {
    return static_cast<T>(to_unsigned(value, place, std::numeric_limits<T>::max()));
  }
};

template <>
struct Convert<double> {
  static double from(const Value& value, const Place* place) { return to_double(value, place); }
};

template <>
struct Convert<float> {
  static float from(const Value& value, const Place* place) { return to_float(value, place); }
};

template <>
struct Convert<std::string> {
  static std::string from(const Value& value, const Place* place) {
    return to_string(value, place);
  }
};

template <>
struct Convert<Value::List> {
  static Value::List from(const Value& value, const Place* place) { return to_list(value, place); }
};

template <>
struct Convert<Value::Map> {
  static Value::Map from(const Value& value, const Place* place) { return to_map(value, place); }
};

template <>
struct Convert<Buffer> {
  static Buffer from(const Value& value, const Place* place);
};

template <>
struct Convert<Tensor> {
  static Tensor from(const Value& value, const Place* place);
};

template <>
struct Convert<Native> {
  static Native from(const Value& value, const Place* place);
};

template <>
struct Convert<Failure> {
  static Failure from(const Value& value, const Place* place);
};

template <class T>
struct Convert<std::optional<T>> {
  static std::optional<T> from(const Value& value, const Place* place) {
    if (value.is_nil()) return std::nullopt;
    return Convert<T>::from(value, place);
  }
};

template <class T>
struct Convert<std::vector<T>> {
  static std::vector<T> from(const Value& value, const Place* place) {
    const Value::List& items = to_list(value, place);
    std::vector<T> result;
    result.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Place here{place, i};
      result.push_back(Convert<T>::from(items[i], &here));
    }
    return result;
  }
};

template <class T>
struct Convert<std::map<std::string, T>> {
  static std::map<std::string, T> from(const Value& value, const Place* place) {
    std::map<std::string, T> result;
    for (const auto& [key, item] : to_map(value, place)) {
      const Place at_key{place, &key};
      const std::string& name = to_string(key, &at_key);
      const Place here{place, std::string_view(name)};
      // Of equal keys the last one counts, as in the languages that send them.
      result.insert_or_assign(name, Convert<T>::from(item, &here));
    }
    return result;
  }
};

/// `v` as an int64. Throws Error(invalid) when it is too large.
std::int64_t checked_int64(std::uint64_t v);

}  // namespace detail

template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, char>) Value::Value(T v) {
  if constexpr (std::unsigned_integral<T> && sizeof(T) >= sizeof(std::int64_t)) {
    v_ = detail::checked_int64(v);
  } else {
    v_ = static_cast<std::int64_t>(v);
  }
}

template <class T>
Value::Value(const std::vector<T>& v) {
  List items;
  items.reserve(v.size());
  for (const auto& item : v) {
    items.emplace_back(static_cast<const T&>(item));  // vector<bool> gives no reference to a bool
  }
  v_ = std::move(items);
}

template <class T>
Value::Value(const std::map<std::string, T>& v) {
  Map entries;
  entries.reserve(v.size());
  for (const auto& [key, item] : v) entries.emplace_back(key, item);
  v_ = std::move(entries);
}

template <class T>
T Value::as() const {
  return detail::Convert<T>::from(*this, nullptr);
}

}  // namespace oast
