// Which processes the running request started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace oast::kernel {

/// When a request began, as far as the start times of processes can tell.
struct RequestStart {
  std::uint64_t ticks = 0;  ///< of the clock that field 22 of /proc/PID/stat counts
  /// Processes up to this one that started in the same tick belong to an earlier request; 0: none
  /// does.
  pid_t last_before = 0;
};

/// Takes down the start of each request. One thread; costs next to nothing while requests are
/// shorter than starting a process takes.
class RequestStarts {
 public:
  void begin();
  void end();
  const RequestStart& current() const { return current_; }

 private:
  RequestStart current_;
  std::uint64_t began_ns_ = 0;
  std::uint64_t ended_ns_ = 0;
};

/// Every process in this process's own group that started since, as did every process between the
/// two. Left out is what a program of an earlier request starts now, and what was left by a parent
/// that ended: nothing tells any more who started that. None when the group is not this process's
/// own.
std::vector<pid_t> children_since(const RequestStart& since);

}  // namespace oast::kernel
