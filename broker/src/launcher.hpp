// How the broker starts a kernel process.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oast/error.hpp"
#include "oast/shared_outbox.hpp"

namespace oast::broker {

/// Everything that a kernel process gets. Nothing else of the broker's process reaches it.
struct LaunchPlan {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd;
  std::chrono::milliseconds grace;  ///< how long it may go on when the broker is gone
};

/// How a process ended: one of both is meaningful, or none when nobody can tell.
struct ExitStatus {
  int exit_code = -1;
  int signal = 0;
};

/// A kernel process with everything it started. Destroying it ends them all, and does not wait for
/// that. Nothing here blocks.
class Process {
 public:
  virtual ~Process() = default;
  /// Call once: the kernel runs, and `details`, one line of JSON without the newline, is on its
  /// stdin.
  virtual void begin(const std::string& details) = 0;
  /// Readable while there is something for reap() to look at.
  virtual int exit_fd() const = 0;
  /// How the kernel ended, once the whole process tree is gone; may be called again after that.
  virtual std::optional<ExitStatus> reap() = 0;
  /// What it said and may not have sent.
  virtual wire::OutboxReader& outbox() = 0;
  /// Non-blocking; what it wrote to its first stdout and stderr.
  virtual int stderr_fd() const = 0;
  /// A process that is gone already is no error. SIGKILL to the tree kills the kernel; the rest
  /// gets a moment to end without it.
  virtual void signal_kernel(int signal) = 0;
  virtual void signal_tree(int signal) = 0;
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  /// What became of a launch: the process, or why there is none.
  using Done = std::function<void(std::unique_ptr<Process>, std::optional<Failure>)>;
  /// Does not block. Calls `done` once, on another thread, unless the launcher is destroyed first,
  /// which does not wait for a launch that is under way: its process is ended once it is there.
  virtual void launch(LaunchPlan plan, Done done) = 0;
};

/// Starts processes on this machine, each under an `oast-launch` of its own.
std::unique_ptr<Launcher> make_local_launcher();

}  // namespace oast::broker
