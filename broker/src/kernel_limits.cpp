#include "kernel_limits.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

namespace oast::broker {

namespace {

constexpr rlim_t kStackBytes = rlim_t{8} << 20;
/// What select(2) can take; a broker raises its own, which is no kernel's to inherit.
constexpr rlim_t kDescriptors = 1024;

rlim_t soft_limit(int resource, rlim_t hard) {
  switch (resource) {
    case RLIMIT_NOFILE:
      return std::min(kDescriptors, hard);
    case RLIMIT_STACK:  // without a limit, mappings are laid out in another way
      return std::min(kStackBytes, hard);
    case RLIMIT_CORE:
      return 0;
    default:
      return hard;
  }
}

}  // namespace

void set_kernel_limits() {
  ::umask(022);
  for (int resource = 0; resource < static_cast<int>(RLIM_NLIMITS); ++resource) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) continue;
    limit.rlim_cur = soft_limit(resource, limit.rlim_max);
    ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
  }
}

}  // namespace oast::broker
