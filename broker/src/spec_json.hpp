// Kernel specs as people write them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "oast/broker/broker.hpp"

namespace oast::broker {

/// One spec from its JSON object; all keys but "argv" may be absent:
/// {"argv": ["{exename}", "{exeflags}", "-m", "toy"],  see spec_expansion.hpp
///  "exename": "toy", "exeflags": [],
///  "language": "toy", "display_name": "Toy 1.0", "features": ["complete", "native:toy"],
///  "env": {"LANG": "${LANG}"}, "cwd": "/",
///  "limits": {"memory": "512M", "cpu_seconds": 60, "open_files": 100, "processes": 10},
///  "start_timeout_ms": 30000}
/// Throws Error(invalid): `where`, the key, and what would be right.
KernelSpec read_spec(const std::string& where, const std::string& name,
                     const nlohmann::json& value);

}  // namespace oast::broker
