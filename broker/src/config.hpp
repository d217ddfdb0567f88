// The daemon's configuration file.
#pragma once

#include <filesystem>

#include "oast/broker/broker.hpp"

namespace oast::broker {

/// Reads a JSON object into `options`; keys that are absent keep what is there:
/// {"heartbeat_ms": 1000, "heartbeat_misses": 5, "start_timeout_ms": 30000, "grace_ms": 5000,
///  "dispatch_window": 256, "queue_bytes": 1073741824, "window_bytes": 4194304,
///  "log_memory_bytes": 1048576, "log_bytes": 67108864, "log_total_bytes": 1073741824,
///  "log_keep_ms": 3600000, "log_level": "info",
///  "specs": {"NAME": {...}}}, each as in a file of its own, see spec_json.hpp.
/// Throws Error(invalid) that names the file, the key and what would be right.
void read_config(const std::filesystem::path& file, Options& options);

}  // namespace oast::broker
