// Failures, the same in code and on the wire.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace oast {

/// What the caller should do next. Numbers are those of wire::FailureKind.
enum class FailureKind : unsigned char {
  remote_exception = 0,   ///< the code raised: fix the code
  interrupted = 1,        ///< somebody asked for it
  kernel_died = 2,        ///< start another kernel
  timeout = 3,            ///< a deadline passed
  overloaded = 4,         ///< back off and try again
  disconnected = 5,       ///< the connection broke: retry
  not_found = 6,          ///< no such kernel, spec, function or channel
  permission_denied = 7,  ///< not proven, or not allowed
  invalid = 8,            ///< a bug in the caller
  unimplemented = 9,      ///< the other side does not know how
  incompatible = 10,      ///< no protocol version in common
};

/// "remote_exception", "interrupted", ...
std::string_view to_string(FailureKind kind);

/// Numbers are those of wire::DeathCause.
enum class DeathCause : unsigned char {
  exited = 0,
  signalled = 1,
  stopped = 2,
  owner_gone = 3,
  lost_heartbeat = 4,
  never_registered = 5,
  spawn_failed = 6,
  memory_limit = 7,
  time_limit = 8,
  protocol_error = 9,
};

/// "exited", "signalled", ...
std::string_view to_string(DeathCause cause);

/// How a kernel ended.
struct Death {
  DeathCause cause = DeathCause::exited;
  int exit_code = -1;       ///< -1: ended by a signal, or unknown
  int signal = 0;           ///< 0: none
  std::string signal_name;  ///< "SIGKILL"
  std::string explanation;  ///< one sentence for a person
  std::string stderr_tail;  ///< last lines of stderr, at most 4 KiB

  bool operator==(const Death&) const = default;
};

/// The terminal reply of a request that did not give a value.
struct Failure {
  FailureKind kind = FailureKind::remote_exception;
  std::string message;                 ///< one line
  std::string type;                    ///< the language's name of the error, or empty
  std::vector<std::string> traceback;  ///< innermost last
  /// Meaningful when kind is kernel_died.
  Death death;

  bool operator==(const Failure&) const = default;
};

/// What every public function of oast throws. Thrown by kind, see `raise`.
class Error : public std::runtime_error {
 public:
  explicit Error(Failure failure);
  Error(FailureKind kind, const std::string& message);

  FailureKind kind() const { return failure_.kind; }
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

/// The code raised (FailureKind::remote_exception).
class RemoteException : public Error {
 public:
  using Error::Error;
};

/// The kernel died, or was dead already (FailureKind::kernel_died). `failure().death` explains it.
class TerminatedWorkerException : public Error {
 public:
  using Error::Error;
};

/// Throws the exception class that belongs to `failure.kind`.
[[noreturn]] void raise(Failure failure);

}  // namespace oast
