// The broker's log. Every line carries a stable id, listed in broker/README.md.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace oast::broker {

using Logger = std::shared_ptr<spdlog::logger>;

/// To stderr. `level` as spdlog names them: trace, debug, info, warn, err, critical, off.
Logger make_logger(const std::string& level);

}  // namespace oast::broker
