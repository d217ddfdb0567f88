// How the broker starts a kernel process.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace oast::broker {

/// Everything that a kernel process gets. Nothing else of the broker's process reaches it.
struct LaunchPlan {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string details;              ///< one line of JSON for its stdin, without the newline
  std::chrono::milliseconds grace;  ///< how long it may go on when the broker is gone
};

/// How a process ended: one of both is meaningful.
struct ExitStatus {
  int exit_code = -1;
  int signal = 0;
};

/// A kernel process with everything it started. Destroying it ends them all, at once.
class Process {
 public:
  virtual ~Process() = default;
  /// Readable when the whole process tree is gone.
  virtual int exit_fd() const = 0;
  /// Call once, when exit_fd() is readable.
  virtual ExitStatus reap() = 0;
  /// Non-blocking; what it wrote to its first stdout and stderr.
  virtual int stderr_fd() const = 0;
  /// Neither blocks; a process that is gone already is no error.
  virtual void signal_kernel(int signal) = 0;
  virtual void signal_tree(int signal) = 0;
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  /// Does not wait for the program to run. Throws Error(kernel_died) when it cannot be started.
  virtual std::unique_ptr<Process> launch(const LaunchPlan& plan) = 0;
};

/// Starts processes on this machine, each under an `oast-launch` of its own.
std::unique_ptr<Launcher> make_local_launcher();

}  // namespace oast::broker
