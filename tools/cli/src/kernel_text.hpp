// Kernels in words.
#pragma once

#include <string>

#include "oast/broker.hpp"

namespace oast::cli {

/// "busy", "busy (held by 3 for 2.0 s)", or for a dead one "dead (SIGKILL)", "dead (exit 3)",
/// "dead (stopped)".
std::string state_text(const KernelInfo& kernel);
/// The request that runs and since when: "12 for 3.2 s", or "-".
std::string request_text(const KernelInfo& kernel);
/// "0.35 ms", or "-".
std::string heartbeat_text(const KernelInfo& kernel);
/// Resident memory: "6.8 MiB", or "-" when it is dead or not known yet.
std::string rss_text(const KernelInfo& kernel);
/// CPU time: "1.2 s", or "-" when it is not known yet.
std::string cpu_text(const KernelInfo& kernel);
/// The peer that owns it: "3", or "detached".
std::string owner_text(const KernelInfo& kernel);

}  // namespace oast::cli
