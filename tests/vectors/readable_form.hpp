// The readable form of vectors, as README.md says, to and from Values.
#pragma once

#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "oast/value.hpp"

namespace oast::testing {

using Json = nlohmann::ordered_json;

namespace readable {

inline std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

/// Reads `text` as one number to its end.
template <class Number>
Number number(std::string_view text, int base) {
  Number result{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result, base);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("this is no number: " + std::string(text));
  return result;
}

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(number<unsigned char>(hex.substr(i, 2), 16));
  return bytes;
}

/// The index of a name in an enumeration whose numbers count from 0.
template <class Enum>
Enum named(const Json& name) {
  for (unsigned char i = 0; i < 32; ++i) {
    const auto value = static_cast<Enum>(i);
    if (to_string(value) == name.get<std::string_view>()) return value;
  }
  throw std::invalid_argument("there is no " + name.dump());
}

inline std::string bits_of(double number) {
  std::string hex;
  for (int shift = 56; shift >= 0; shift -= 8)
    hex += static_cast<char>(std::bit_cast<std::uint64_t>(number) >> shift);
  return to_hex(hex);
}

inline std::string shortest(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

inline Buffer data_of(const Json& form) {
  const std::string once = from_hex(form.at("hex").get<std::string_view>());
  std::string bytes;
  for (int i = 0; i < form.value("repeat", 1); ++i) bytes += once;
  return Buffer::copy_of(bytes);
}

inline Json form_of(const Failure& failure) {
  Json form{{"kind", to_string(failure.kind)},
            {"message", failure.message},
            {"type", failure.type},
            {"traceback", failure.traceback}};
  if (failure.kind != FailureKind::kernel_died) return form;
  const Death& death = failure.death;
  form["death"] = {{"cause", to_string(death.cause)},  {"exit_code", death.exit_code},
                   {"signal", death.signal},           {"signal_name", death.signal_name},
                   {"explanation", death.explanation}, {"stderr_tail", death.stderr_tail}};
  return form;
}

inline Failure failure_of(const Json& form) {
  Failure failure{.kind = named<FailureKind>(form.at("kind")),
                  .message = form.at("message"),
                  .type = form.at("type"),
                  .traceback = form.at("traceback")};
  if (!form.contains("death")) return failure;
  const Json& death = form.at("death");
  failure.death = {.cause = named<DeathCause>(death.at("cause")),
                   .exit_code = death.at("exit_code"),
                   .signal = death.at("signal"),
                   .signal_name = death.at("signal_name"),
                   .explanation = death.at("explanation"),
                   .stderr_tail = death.at("stderr_tail")};
  return failure;
}

}  // namespace readable

/// Never with "repeat", and of floats with their bits: equal forms are equal values, to the bit.
inline Json to_readable(const Value& value);

namespace readable {

struct ToForm {
  Json operator()(std::monostate) const { return {{"kind", "nil"}}; }
  Json operator()(bool v) const { return {{"kind", "bool"}, {"value", v}}; }
  Json operator()(std::int64_t v) const {
    return {{"kind", "int64"}, {"value", std::to_string(v)}};
  }
  Json operator()(double v) const {
    return {{"kind", "float64"}, {"value", shortest(v)}, {"bits", bits_of(v)}};
  }
  Json operator()(const std::string& v) const { return {{"kind", "string"}, {"value", v}}; }
  Json operator()(const Buffer& v) const { return {{"kind", "bytes"}, {"hex", to_hex(v.view())}}; }
  Json operator()(const Value::List& v) const {
    Json items = Json::array();
    for (const Value& item : v) items.push_back(to_readable(item));
    return {{"kind", "list"}, {"items", items}};
  }
  Json operator()(const Value::Map& v) const {
    Json pairs = Json::array();
    for (const auto& [key, item] : v)
      pairs.push_back(Json::array({to_readable(key), to_readable(item)}));
    return {{"kind", "map"}, {"pairs", pairs}};
  }
  Json operator()(const Tensor& v) const {
    return {{"kind", "tensor"},
            {"dtype", to_string(v.dtype)},
            {"shape", v.shape},
            {"hex", to_hex(v.data.view())}};
  }
  Json operator()(const Boxed<Failure>& v) const {
    return {{"kind", "error"}, {"failure", form_of(*v)}};
  }
  Json operator()(const Native& v) const {
    Json buffers = Json::array();
    for (const Buffer& buffer : v.buffers)
      buffers.push_back(Json{{"kind", "bytes"}, {"hex", to_hex(buffer.view())}});
    return {{"kind", "native"},
            {"format", v.format},
            {"hex", to_hex(v.data.view())},
            {"buffers", buffers}};
  }
  Json operator()(const PackedList& v) const { return (*this)(static_cast<Value::List>(v)); }
};

}  // namespace readable

inline Json to_readable(const Value& value) {
  return std::visit(readable::ToForm{}, value.variant());
}

/// Throws what nlohmann::json throws, and std::invalid_argument.
inline Value from_readable(const Json& form) {
  const auto kind = form.at("kind").get<std::string_view>();
  if (kind == "nil") return {};
  if (kind == "bool") return form.at("value").get<bool>();
  if (kind == "int64")
    return readable::number<std::int64_t>(form.at("value").get<std::string_view>(), 10);
  if (kind == "float64")
    return std::bit_cast<double>(
        readable::number<std::uint64_t>(form.at("bits").get<std::string_view>(), 16));
  if (kind == "string") return form.at("value").get<std::string>();
  if (kind == "bytes") return readable::data_of(form);
  if (kind == "list") {
    Value::List items;
    for (int i = 0; i < form.value("repeat", 1); ++i)
      for (const Json& item : form.at("items")) items.push_back(from_readable(item));
    return items;
  }
  if (kind == "map") {
    Value::Map pairs;
    for (const Json& pair : form.at("pairs"))
      pairs.emplace_back(from_readable(pair.at(0)), from_readable(pair.at(1)));
    return pairs;
  }
  if (kind == "tensor")
    return Tensor{readable::named<DType>(form.at("dtype")), form.at("shape"),
                  readable::data_of(form)};
  if (kind == "error") return readable::failure_of(form.at("failure"));
  if (kind != "native") throw std::invalid_argument("there is no kind " + std::string(kind));
  Native native{form.at("format"), readable::data_of(form)};
  for (const Json& buffer : form.at("buffers")) native.buffers.push_back(readable::data_of(buffer));
  return native;
}

}  // namespace oast::testing
