#include "json_text.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "map_order.hpp"
#include "tensor_text.hpp"

namespace oast::cli {
namespace {

constexpr std::size_t kTensorElements = 1000;

Json number(double value) {
  if (std::isfinite(value)) return value;
  return {{"float", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"}};
}

Json element_json(const Element& element) {
  struct Visitor {
    Json operator()(bool v) const { return v; }
    Json operator()(std::int64_t v) const { return v; }
    Json operator()(std::uint64_t v) const { return v; }
    Json operator()(double v) const { return number(v); }
    Json operator()(std::complex<double> v) const {
      return Json::array({number(v.real()), number(v.imag())});
    }
  };
  return std::visit(Visitor{}, element);
}

Json tensor_json(const Tensor& tensor) {
  Json inner{{"dtype", to_string(tensor.dtype)}, {"shape", tensor.shape}};
  const std::size_t count = element_count(tensor);
  if (count <= kTensorElements) {
    Json& data = inner["data"] = Json::array();
    for (std::size_t i = 0; i < count; ++i) data.push_back(element_json(element(tensor, i)));
  }
  return {{"tensor", std::move(inner)}};
}

Json map_json(const Value::Map& map) {
  const auto is_string = [](const auto& entry) {
    return std::holds_alternative<std::string>(entry.first.variant());
  };
  if (std::all_of(map.begin(), map.end(), is_string)) {
    Json object = Json::object();
    for (const auto* entry : sorted_entries(map)) {
      object[std::get<std::string>(entry->first.variant())] = to_json(entry->second);
    }
    return object;
  }
  Json pairs = Json::array();
  for (const auto* entry : sorted_entries(map)) {
    pairs.push_back(Json::array({to_json(entry->first), to_json(entry->second)}));
  }
  return {{"map", std::move(pairs)}};
}

Json error_json(const Failure& failure) {
  return {{"error",
           {{"kind", to_string(failure.kind)},
            {"type", failure.type},
            {"message", failure.message},
            {"traceback", failure.traceback}}}};
}

std::string_view stream_name(Output::Stream stream) {
  switch (stream) {
    case Output::Stream::out:
      return "out";
    case Output::Stream::err:
      return "err";
    case Output::Stream::display:
      return "display";
    case Output::Stream::clear:
      return "clear";
  }
  return "";
}

// null instead of an id that says "none".
template <class Tag>
Json id_json(Id<Tag> id) {
  return id ? Json(id.value) : Json(nullptr);
}

}  // namespace

Json to_json(const Value& value) {
  struct Visitor {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool v) const { return v; }
    Json operator()(std::int64_t v) const { return v; }
    Json operator()(double v) const { return number(v); }
    Json operator()(const std::string& v) const { return v; }
    Json operator()(const Buffer& v) const { return {{"bytes_base64", base64(v.view())}}; }
    Json operator()(const Value::List& v) const {
      Json array = Json::array();
      for (const Value& item : v) array.push_back(to_json(item));
      return array;
    }
    Json operator()(const Value::Map& v) const { return map_json(v); }
    Json operator()(const Tensor& v) const { return tensor_json(v); }
    Json operator()(const Failure& v) const { return error_json(v); }
    Json operator()(const Native& v) const {
      return {{"native", {{"format", v.format}, {"bytes", v.data.size()}}}};
    }
  };
  return std::visit(Visitor{}, value.variant());
}

Json to_json(const Death& death) {
  Json json{{"cause", to_string(death.cause)}};
  json["exit_code"] = death.exit_code < 0 ? Json(nullptr) : Json(death.exit_code);
  json["signal"] = death.signal == 0 ? Json(nullptr) : Json(death.signal);
  json["signal_name"] = death.signal == 0 ? Json(nullptr) : Json(death.signal_name);
  json["explanation"] = death.explanation;
  json["stderr_tail"] = death.stderr_tail;
  return json;
}

Json to_json(const KernelInfo& info) {
  Json json{
      {"id", info.id.value},
      {"name", info.name},
      {"spec", info.spec},
      {"state", to_string(info.state)},
      {"pid", info.pid},
      {"owner", id_json(info.owner)},
      {"detached", info.detached},
      {"request", id_json(info.request)},
      {"queued", info.queued},
      {"rss_bytes", info.rss_bytes},
      {"cpu_seconds", to_thousandths(info.cpu_seconds)},
      {"heartbeat_ms",
       info.heartbeat_ms < 0 ? Json(nullptr) : Json(to_thousandths(info.heartbeat_ms))},
      {"age_s", static_cast<double>(info.age_ms) / 1000.0},
      {"held_by", id_json(info.held_by)},
      {"held_s", static_cast<double>(info.held_ms) / 1000.0},
      {"unacknowledged_bytes", info.unacknowledged_bytes},
      {"log_first", info.log_first},
      {"log_last", info.log_last},
      {"log_bytes", info.log_bytes},
      {"log_problem", info.log_problem.empty() ? Json(nullptr) : Json(info.log_problem)},
  };
  json["restarts"] = info.restarts;
  if (info.successor) json["successor"] = info.successor.value;
  if (info.death) json["death"] = to_json(*info.death);
  return json;
}

Json to_json(const SpecInfo& spec) {
  return {{"name", spec.name},
          {"language", spec.language},
          {"display_name", spec.display_name},
          {"argv", spec.argv},
          {"features", spec.features},
          {"problem", spec.problem.empty() ? Json(nullptr) : Json(spec.problem)}};
}

Json to_json(const std::vector<Output>& outputs) {
  Json array = Json::array();
  for (const Output& output : outputs) {
    Json json{{"stream", stream_name(output.stream)}, {"text", output.text}};
    // What is no text comes whole; `dump` writes U+FFFD for such bytes of "text".
    if (!output.utf8) json["bytes_base64"] = base64(output.text);
    if (output.stream == Output::Stream::display) {
      Json& parts = json["parts"] = Json::object();
      for (const auto& [mime, part] : output.parts) parts[mime] = to_json(part);
      if (!output.display_id.empty()) json["display_id"] = output.display_id;
      if (output.result) json["result"] = true;
      if (output.update) json["update"] = true;
    }
    if (output.stream == Output::Stream::clear) json["wait"] = output.wait;
    array.push_back(std::move(json));
  }
  return array;
}

double to_thousandths(double number) { return std::round(number * 1000) / 1000; }

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= have ? kAlphabet[(group >> (18 - 6 * j)) & 0x3F] : '=';
    }
  }
  return out;
}

}  // namespace oast::cli
