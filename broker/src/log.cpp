#include "log.hpp"

#include <spdlog/sinks/stdout_sinks.h>

namespace oast::broker {

Logger make_logger(const std::string& level) {
  // Not in spdlog's registry: a host has its own there, and several brokers.
  auto logger =
      std::make_shared<spdlog::logger>("oast", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l oast-broker %v");
  return logger;
}

}  // namespace oast::broker
