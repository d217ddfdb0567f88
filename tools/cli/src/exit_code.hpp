// How a run of `oast` ends.
#pragma once

#include <stdexcept>
#include <string>

#include "oast/error.hpp"

namespace oast::cli {

// Exit codes that scripts may rely on; `oast --help` lists them.
inline constexpr int kDone = 0;
inline constexpr int kRaised = 1;  ///< the code raised, and nothing else
inline constexpr int kUsage = 2;   ///< nonsense on the command line, or a name that nothing has
inline constexpr int kKernelDied = 3;
inline constexpr int kNoBroker = 4;  ///< none lives there, it does not let us in, or it is gone
inline constexpr int kTimeout = 5;
inline constexpr int kBroken = 6;  ///< the system gave out: a full disk, an overloaded broker
inline constexpr int kInterrupted = 130;
/// Whoever read our output left: as a filter that SIGPIPE ended.
inline constexpr int kReaderGone = 141;

inline int exit_code(FailureKind kind) {
  switch (kind) {
    case FailureKind::remote_exception:
      return kRaised;
    case FailureKind::not_found:
    case FailureKind::invalid:
    case FailureKind::unimplemented:
      return kUsage;
    case FailureKind::kernel_died:
      return kKernelDied;
    case FailureKind::disconnected:
    case FailureKind::permission_denied:
    case FailureKind::incompatible:
      return kNoBroker;
    case FailureKind::timeout:
      return kTimeout;
    case FailureKind::interrupted:
      return kInterrupted;
    case FailureKind::overloaded:
      break;
  }
  return kBroken;
}

/// The command line makes no sense. `what` says what would.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// There is no broker to talk to.
class NoBroker : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace oast::cli
