#include "spec_json.hpp"

#include <charconv>
#include <limits>
#include <optional>

#include "json_object.hpp"

namespace oast::broker {

using nlohmann::json;

namespace {

/// "512M", "2G", "4096": bytes.
std::optional<std::uint64_t> bytes_of(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const std::string units = "KMGT";
  if (error != std::errc{} || unit.size() > 1) return std::nullopt;
  if (unit.empty()) return number;
  const auto power = units.find(unit);
  if (power == std::string::npos) return std::nullopt;
  const auto shift = 10 * (power + 1);
  if (number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

KernelLimits read_limits(const std::string& where, const json& value) {
  JsonObject object(where + ", limits", value);
  KernelLimits limits;
  json memory;
  object.take("memory", memory);
  if (memory.is_string()) {
    const auto bytes = bytes_of(memory.get<std::string>());
    if (!bytes || *bytes == 0) object.fail("'memory' should be bytes or a text such as \"512M\"");
    limits.memory = *bytes;
  } else if (!memory.is_null()) {
    if (!memory.is_number_unsigned() || memory == 0)
      object.fail("'memory' should be bytes or a text such as \"512M\"");
    limits.memory = memory.get<std::uint64_t>();
  }
  const auto take = [&](const char* key, std::uint64_t& into) {
    std::size_t count = 1;
    json given;
    object.take(key, given);
    if (given.is_null()) return;
    if (!given.is_number_unsigned() || given == 0)
      object.fail(std::string("'") + key + "' should be a positive number");
    count = given.get<std::size_t>();
    into = count;
  };
  take("cpu_seconds", limits.cpu_seconds);
  take("open_files", limits.open_files);
  take("processes", limits.processes);
  object.finish();
  return limits;
}

}  // namespace

KernelSpec read_spec(const std::string& where, const std::string& name, const json& value) {
  JsonObject object(where, value);
  KernelSpec spec;
  spec.name = name;
  object.take("argv", spec.argv);
  object.take("exename", spec.exename);
  object.take("exeflags", spec.exeflags);
  object.take("language", spec.language);
  object.take("display_name", spec.display_name);
  object.take("features", spec.features);
  object.take("env", spec.env);
  object.take("cwd", spec.cwd);
  object.take_milliseconds("start_timeout_ms", spec.start_timeout);
  json limits = json::object();
  object.take("limits", limits);
  object.finish();
  spec.limits = read_limits(where, limits);
  if (spec.argv.empty() || spec.argv[0].empty()) object.fail("'argv' should name a program");
  if (!spec.cwd.starts_with('/')) object.fail("'cwd' should be an absolute path");
  return spec;
}

}  // namespace oast::broker
