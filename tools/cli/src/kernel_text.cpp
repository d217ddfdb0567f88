#include "kernel_text.hpp"

#include <array>
#include <cstdio>

#include "table.hpp"

namespace oast::cli {

std::string state_text(const KernelInfo& kernel) {
  std::string text(to_string(kernel.state));
  if (!kernel.death && kernel.held_by)
    text += " (held by " + std::to_string(kernel.held_by.value) + " for " +
            duration_text(static_cast<double>(kernel.held_ms) / 1000) + ")";
  if (!kernel.death && !kernel.log_problem.empty()) text += " (log not written)";
  if (!kernel.death) return text;
  const Death& death = *kernel.death;
  if (death.cause == DeathCause::exited && death.exit_code >= 0) {
    return text + " (exit " + std::to_string(death.exit_code) + ")";
  }
  if (death.cause == DeathCause::signalled) return text + " (" + death.signal_name + ")";
  std::string cause(to_string(death.cause));
  for (char& c : cause) c = c == '_' ? ' ' : c;
  return text + " (" + cause + ")";
}

std::string request_text(const KernelInfo& kernel) {
  if (!kernel.request) return "-";
  return std::to_string(kernel.request.value) + " for " +
         duration_text(static_cast<double>(kernel.request_ms) / 1000);
}

std::string heartbeat_text(const KernelInfo& kernel) {
  if (kernel.heartbeat_ms < 0) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f ms", kernel.heartbeat_ms);
  return text.data();
}

std::string rss_text(const KernelInfo& kernel) {
  const bool unknown = kernel.heartbeat_ms < 0 || kernel.state == KernelState::dead;
  return unknown ? "-" : bytes_text(kernel.rss_bytes);
}

std::string cpu_text(const KernelInfo& kernel) {
  return kernel.heartbeat_ms < 0 ? "-" : duration_text(kernel.cpu_seconds);
}

std::string owner_text(const KernelInfo& kernel) {
  return kernel.detached ? "detached" : std::to_string(kernel.owner.value);
}

}  // namespace oast::cli
