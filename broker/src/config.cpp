#include "config.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "json_object.hpp"
#include "oast/error.hpp"
#include "spec_json.hpp"

namespace oast::broker {

using nlohmann::json;

void read_config(const std::filesystem::path& file, Options& options) {
  const std::string where = file.string();
  std::ifstream stream(file);
  if (!stream) throw Error(FailureKind::not_found, "cannot read the configuration " + where);
  json root;
  try {
    root = json::parse(stream, nullptr, true, true);
  } catch (const json::exception& error) {
    throw Error(FailureKind::invalid, where + " is not JSON: " + error.what());
  }
  JsonObject object(where, root);
  object.take_milliseconds("heartbeat_ms", options.heartbeat);
  if (options.heartbeat.count() < 10) object.fail("'heartbeat_ms' should be at least 10");
  std::size_t misses = options.heartbeat_misses;
  object.take_count("heartbeat_misses", misses);
  if (misses > 1000) object.fail("'heartbeat_misses' should be at most 1000");
  options.heartbeat_misses = static_cast<std::uint32_t>(misses);
  object.take_milliseconds("start_timeout_ms", options.start_timeout);
  object.take_milliseconds("grace_ms", options.grace);
  object.take_count("dispatch_window", options.dispatch_window);
  object.take_count("queue_bytes", options.queue_bytes);
  object.take_count("window_bytes", options.window_bytes);
  object.take_count("log_memory_bytes", options.log_memory_bytes);
  object.take_count("log_bytes", options.log_bytes);
  object.take_count("log_total_bytes", options.log_total_bytes);
  object.take_milliseconds("log_keep_ms", options.log_keep);
  object.take("log_level", options.log_level);
  std::map<std::string, json> specs;
  object.take("specs", specs);
  object.finish();
  for (const auto& [name, value] : specs)
    options.specs.push_back(
        read_spec(std::string(where).append(", spec '").append(name).append("'"), name, value));
}

}  // namespace oast::broker
