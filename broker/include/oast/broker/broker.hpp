// The broker, and the only header of broker/ that the host library includes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

struct pollfd;

namespace oast::broker {

/// Time, so that tests of heartbeats and deadlines need not wait.
class Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  virtual ~Clock() = default;
  /// Thread-safe.
  virtual TimePoint now() const = 0;
  /// Called once by the broker that uses the clock: `wake` is to be called, from any thread,
  /// whenever now() jumped. The real clock never does.
  virtual void on_jump(std::function<void()> wake) = 0;
};

/// std::chrono::steady_clock.
std::shared_ptr<Clock> real_clock();

/// What a kernel may use at most; 0: no limit.
struct KernelLimits {
  std::uint64_t memory = 0;  ///< bytes
  std::uint64_t cpu_seconds = 0;
  std::uint64_t open_files = 0;
  std::uint64_t processes = 0;
};

/// A named recipe for starting kernels.
struct KernelSpec {
  std::string name;
  std::string language;
  std::string display_name;
  /// argv[0]: an absolute path, or found in PATH of `env`. Placeholders: PROTOCOL.md, "Kernel
  /// specs".
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  ///< all the environment there is, besides the start's
  std::string cwd = "/";
  std::string exename = {};  ///< what {exename} is unless the start says otherwise
  std::vector<std::string> exeflags = {};
  std::vector<std::string> features = {};
  KernelLimits limits = {};
  std::chrono::milliseconds start_timeout{0};  ///< 0: the broker's
  std::filesystem::path directory = {};        ///< of its file, if it came from one
};

struct Options {
  /// Directory of the sockets and the token, made with mode 0700. Empty: a private one under
  /// $XDG_RUNTIME_DIR/oast or /tmp/oast-UID, removed at the end.
  std::filesystem::path directory;
  /// Directory of what outlives memory: the logs of kernels. Empty: they are in memory only.
  std::filesystem::path data_dir;
  /// Binds inproc endpoints too, on `context()`.
  bool inproc = false;
  /// Added to the built-in ones and to those in files, which they may replace.
  std::vector<KernelSpec> specs;
  std::shared_ptr<Clock> clock = real_clock();

  std::chrono::milliseconds heartbeat{1000};
  std::uint32_t heartbeat_misses = 5;
  std::chrono::milliseconds start_timeout{30000};
  /// How long kernels go on when the broker dies without a word; their launcher then ends them
  /// by SIGTERM and, two seconds later, SIGKILL. An embedded broker dies with their owner, so there
  /// it should be 0, which also makes that 0.3 seconds.
  std::chrono::milliseconds grace{5000};
  /// Evals and calls that a kernel holds at once; the rest wait at the broker.
  std::size_t dispatch_window = 256;
  /// Bytes of requests that may wait for one kernel; more are answered `overloaded`.
  std::size_t queue_bytes = std::size_t{1} << 30;
  /// Bytes that a kernel may send, beside one record, before its hosts have done with them.
  std::uint64_t window_bytes = std::uint64_t{4} << 20;
  /// Of a kernel's log in memory and on disk, and of all logs on disk.
  std::size_t log_memory_bytes = std::size_t{1} << 20;
  std::uint64_t log_bytes = std::uint64_t{64} << 20;
  std::uint64_t log_total_bytes = std::uint64_t{1} << 30;
  /// How long the log of a dead kernel is kept on disk.
  std::chrono::milliseconds log_keep{std::chrono::hours(1)};
  /// A message, and one frame of it, may have.
  std::size_t message_bytes = std::size_t{64} << 20;
  std::size_t frame_bytes = std::size_t{2} << 30;
  /// Of the log on stderr: trace, debug, info, warn, err, critical, off.
  std::string log_level = "err";
};

/// The hub of the star: routes messages, starts, watches and ends kernels. One event loop owns all
/// state; it never blocks on a peer. A thread of its own drives it, or in its place a thread of
/// this process that waits for an answer.
///
/// Threads: all functions may be called from any thread.
class Broker {
 public:
  /// Binds and starts the loop; peers may dial when it returns. Throws Error(invalid) for a
  /// directory that cannot be used: too long, not ours, open to others, another broker in it;
  /// Error(overloaded) without enough descriptors. Raises this process's soft limit on them
  /// (RLIMIT_NOFILE) for good.
  explicit Broker(Options options);
  /// `stop`, then ends the loop.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Ends every kernel by the stop ladder and starts no more. Blocks until no kernel is left. May
  /// be called again.
  void stop(std::chrono::milliseconds exit_timeout = std::chrono::seconds(2),
            std::chrono::milliseconds term_timeout = std::chrono::seconds(2));

  /// As poll(2), and does the broker's work meanwhile unless another thread in here does: for a
  /// thread that waits for what comes through the broker, which it then need not wake twice.
  int poll(std::span<pollfd> fds, int milliseconds);
  /// Has the broker's own thread look at once, should nobody be at work: for who has sent something
  /// and will not `poll`. Without it that can take a millisecond. Does not block.
  void attend();

  const std::filesystem::path& directory() const;
  const std::string& token() const;
  /// "inproc://..." with Options::inproc, else "ipc://...".
  std::string control_endpoint() const;
  std::string data_endpoint() const;
  std::string events_endpoint() const;
  /// For peers in this process.
  zmq::context_t& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// $XDG_RUNTIME_DIR/oast, or /tmp/oast-UID where that variable names no writable directory of this
/// user's. Not made.
std::filesystem::path runtime_root();

}  // namespace oast::broker
