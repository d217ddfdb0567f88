#include "kernel_info.hpp"

#include <utility>

namespace oast::c {

KernelViews::KernelViews(std::vector<KernelInfo> kernels) : kernels_(std::move(kernels)) {
  for (const KernelInfo& k : kernels_) {
    views_.push_back({.id = k.id.value,
                      .name = k.name.c_str(),
                      .spec = k.spec.c_str(),
                      .state = static_cast<std::uint32_t>(k.state),
                      .pid = k.pid,
                      .owner = k.owner.value,
                      .detached = k.detached ? 1 : 0,
                      .queued = k.queued,
                      .request = k.request.value,
                      .request_host = k.request_host.value,
                      .request_ms = k.request_ms,
                      .rss_bytes = k.rss_bytes,
                      .age_ms = k.age_ms,
                      .cpu_seconds = k.cpu_seconds,
                      .heartbeat_ms = k.heartbeat_ms,
                      .death = k.death ? deaths_.emplace_back(*k.death).get() : nullptr,
                      .held_by = k.held_by.value,
                      .held_ms = k.held_ms,
                      .unacknowledged_bytes = k.unacknowledged_bytes,
                      .log_first = k.log_first,
                      .log_last = k.log_last,
                      .log_bytes = k.log_bytes,
                      .log_problem = k.log_problem.c_str(),
                      .successor = k.successor.value,
                      .restarts = k.restarts});
  }
}

SpecViews::SpecViews(std::vector<SpecInfo> specs) : specs_(std::move(specs)) {
  for (const SpecInfo& s : specs_) {
    const auto& argv = keep(s.argv);
    const auto& features = keep(s.features);
    views_.push_back({.name = s.name.c_str(),
                      .language = s.language.c_str(),
                      .display_name = s.display_name.c_str(),
                      .argv = argv.data(),
                      .argv_count = argv.size(),
                      .problem = s.problem.c_str(),
                      .features = features.data(),
                      .features_count = features.size()});
  }
}

const std::vector<const char*>& SpecViews::keep(const std::vector<std::string>& texts) {
  auto& kept = texts_.emplace_back();
  for (const auto& text : texts) kept.push_back(text.c_str());
  return kept;
}

}  // namespace oast::c
