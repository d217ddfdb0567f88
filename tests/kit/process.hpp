// Processes: those that a test starts, and what there is to see of others.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oast/fd.hpp"

namespace oast::test {

/// True while the process exists, zombies included.
bool exists(pid_t pid);
/// True while the process can still do something: zombies cannot.
bool lives(pid_t pid);
/// True when every thread of the process is stopped, as SIGSTOP does, which takes a moment.
bool all_stopped(pid_t pid);

/// What of its memory is in RAM; 0: there is no such process.
std::uint64_t resident_bytes(pid_t pid);

/// A process of the test. Killed and reaped when destroyed.
class Process {
 public:
  struct Pipes {
    bool in = false;
    bool out = false;
    bool err = false;
    int err_bytes = 0;  ///< what the pipe of stderr holds; 0: what the system gives
  };
  /// `program`: a path, or the name of one that lies beside the test's own. Throws
  /// std::system_error.
  Process(const std::string& program, std::vector<std::string> arguments, const Pipes& pipes);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// The ends of the pipes that were asked for; else invalid.
  Fd& in() { return in_; }
  Fd& out() { return out_; }
  Fd& err() { return err_; }

  /// Does nothing once it was reaped.
  void signal(int signal) const;
  /// Blocks until it has ended, and reaps it; its wait status, also when it was asked before.
  int wait();
  /// As `wait`, but nothing at the deadline, which a test meets only when it fails.
  std::optional<int> wait_generously();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  Fd in_, out_, err_;
};

/// Reads until the text appears; false when the file ends first.
bool read_until(int fd, const std::string& wanted);

}  // namespace oast::test
