#include "descriptors.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "oast/error.hpp"

namespace oast::broker {

namespace {

/// Seven for each of as many peers as a broker takes.
constexpr rlim_t kMostUseful = 131'072;

/// How many are free, at least; stops counting at `enough`. The system gives out the lowest, so
/// free ones are found from the top.
int count_free(int enough) {
  int free = 0;
  std::array<pollfd, 64> fds{};
  for (int top = descriptor_limit(); top > 0 && free < enough;) {
    const int count = std::min(top, static_cast<int>(fds.size()));
    top -= count;
    for (int i = 0; i < count; ++i) fds.at(static_cast<std::size_t>(i)) = {top + i, 0, 0};
    if (::poll(fds.data(), static_cast<nfds_t>(count), 0) < 0) return free;
    free += static_cast<int>(std::count_if(fds.begin(), fds.begin() + count, [](const pollfd& fd) {
      return (fd.revents & POLLNVAL) != 0;
    }));
  }
  return free;
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMostUseful);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
}

bool descriptors_left(int count) { return count_free(count) >= count; }

void require_descriptors(int count, const std::string& what) {
  const int left = count_free(count);
  if (left >= count) return;
  throw Error(FailureKind::overloaded, "the broker's process has " + std::to_string(left) + " of " +
                                           std::to_string(descriptor_limit()) +
                                           " descriptors left, too few to " + what +
                                           ": `ulimit -n` raises the limit");
}

}  // namespace oast::broker
