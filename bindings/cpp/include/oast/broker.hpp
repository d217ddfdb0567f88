// The broker as a host sees it, embedded or a daemon; kernels from its side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oast/error.hpp"
#include "oast/evaluator.hpp"
#include "oast/ids.hpp"

namespace oast {

class LogReader;
class Worker;
struct LogOptions;
struct StartOptions;

enum class KernelState : unsigned char { starting, idle, busy, unresponsive, stopping, dead };
/// "starting", "idle", ...
std::string_view to_string(KernelState state);

/// A kernel as its broker saw it last.
struct KernelInfo {
  KernelId id;
  std::string name;
  std::string spec;
  KernelState state = KernelState::starting;
  int pid = 0;
  PeerId owner;  ///< none: detached
  bool detached = false;
  RequestId request;             ///< that runs now; none when idle
  PeerId request_host;           ///< whose it is: ids are each host's own
  std::uint64_t request_ms = 0;  ///< how long it has run
  std::uint32_t queued = 0;      ///< requests not begun, at the broker or in the kernel
  std::uint64_t rss_bytes = 0;
  double cpu_seconds = 0;    ///< user and system time
  double heartbeat_ms = -1;  ///< round trip of the last heartbeat; -1: none yet
  std::uint64_t age_ms = 0;
  PeerId held_by;             ///< the host whose reading holds its output back; none: nobody's does
  std::uint64_t held_ms = 0;  ///< for how long
  std::uint64_t unacknowledged_bytes = 0;  ///< that it sent, and its hosts have not done with
  std::uint64_t log_first = 0;             ///< the oldest record of its log; 0: there is none
  std::uint64_t log_last = 0;
  std::uint64_t log_bytes = 0;
  std::string log_problem;     ///< why the log is not written to its disk; empty: it can be
  std::optional<Death> death;  ///< when the state is dead
  std::uint32_t restarts = 0;  ///< kernels that came before it: StartOptions::restart
  KernelId successor;          ///< started in its place; none: it was not
};

/// Throws TerminatedWorkerException when it is dead.
void require_alive(const KernelInfo& kernel);

/// A recipe for starting kernels.
struct SpecInfo {
  std::string name;
  std::string language;
  std::string display_name;
  std::vector<std::string> argv;
  std::string problem;  ///< why it cannot start, as far as known; empty: it seems that it can
  std::vector<std::string> features;  ///< what its kernels can do: "complete", "native:pickle5"
};

/// News of a kernel.
struct KernelEvent {
  enum class Change : unsigned char { heartbeat, state };
  Change change = Change::heartbeat;
  KernelInfo info;
};

/// Ends a `Broker::watch` when destroyed. Movable.
class Subscription {
 public:
  Subscription() = default;
  ~Subscription() { reset(); }
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;

  /// Blocks until a running callback has returned, except when called by it.
  void reset() noexcept;

 private:
  friend class Broker;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// How an embedded broker is made.
struct EmbeddedOptions {
  struct Spec {
    std::string name;
    std::string language = {};
    std::string display_name = {};
    std::vector<std::string> argv = {};           ///< argv[0]: an absolute path, or found in PATH
    std::map<std::string, std::string> env = {};  ///< all the environment there is
    std::string cwd = "/";
  };
  std::vector<Spec> specs = {};  ///< added to the built-in ones, which they may replace
  std::chrono::milliseconds heartbeat{1000};
  std::uint32_t heartbeat_misses = 5;
  std::chrono::milliseconds start_timeout{30000};  ///< for kernels to register
  std::size_t log_bytes = std::size_t{1} << 20;    ///< of each kernel's log, which is in memory
};

/// How a host introduces itself to a daemon.
struct ConnectOptions {
  std::string name = {};                    ///< for people: "notebook"
  std::chrono::milliseconds timeout{5000};  ///< for the handshake
  /// Shown instead of the one in the broker's directory. A kernel that is a host, too, has got one;
  /// what it starts then ends with it.
  std::string token = {};
  /// A name makes this host a session that can be gone on with: when its connection is gone it
  /// comes back by itself, and a later process that names it has its kernels, gets what it has not
  /// been sent and may send more; whoever names it last has it. Empty: what it started ends with
  /// its connection. 1 to 64 letters, digits, '-', '_' and '.'.
  std::string session = {};
  /// How long its kernels, and the answers to its requests, wait for it.
  std::chrono::milliseconds session_timeout{std::chrono::hours(24)};
};

/// Callbacks of a Worker that is attached to a kernel: see EvalOptions.
struct AttachOptions {
  OutputCallback on_output = {};
  InputCallback on_input = {};
};

/// A connection to a broker, embedded in this process or a daemon. A handle: copies share the
/// connection, which ends with the last of them and of the Workers and Subscriptions made from it.
/// The kernels that were started over it end with it, unless detached, and so does an embedded
/// broker. Thread-safe.
///
/// Functions that ask the broker block until it has answered, and throw Error: what the broker
/// said, or `disconnected` when it is gone. They must not be called in a callback or continuation.
class Broker {
 public:
  /// A broker of its own, on a thread of this process. Blocks while it starts. Raises the process's
  /// soft limit on descriptors (RLIMIT_NOFILE) to the hard one, at most to 131,072, as each kernel
  /// takes five; kernels do not inherit it. Throws Error(overloaded) when fewer than 24 are left.
  static Broker embedded(const EmbeddedOptions& options = {});
  /// The embedded broker that all Workers of the process share unless told otherwise. Made when
  /// asked for first, ended with its last handle, then made anew when asked for again.
  static Broker process_default();
  /// The daemon that lives in a directory, or, given a name without a slash, in
  /// runtime_root()/name; empty means "default". Blocks at most `options.timeout`. Throws
  /// Error(not_found) when no broker lives there, permission_denied when its token or the secret of
  /// the session cannot be read or is refused, invalid for the name of one, incompatible,
  /// disconnected when it does not answer.
  static Broker connect(std::string_view directory_or_name = {},
                        const ConnectOptions& options = {});

  /// Starts a kernel and returns once it has registered. The Worker owns it unless
  /// `options.detach`. Throws Error(not_found) for the spec, TerminatedWorkerException when it died
  /// before it registered, Error(timeout), Error(invalid) for a taken name. `options.broker` is not
  /// used.
  Worker start(std::string_view spec, StartOptions options) const;
  Worker start(std::string_view spec = "lua") const;
  /// A Worker of a kernel that runs already, of whatever host. It does not own the kernel:
  /// destroying it leaves the kernel alone. Throws Error(not_found), and TerminatedWorkerException
  /// for one that died in the last minute.
  Worker attach(KernelId kernel, AttachOptions options = {}) const;
  /// By name, or by id when the text is a number.
  Worker attach(std::string_view name_or_id, AttachOptions options = {}) const;

  /// A kernel that lives, or, by its id, one that died in the last minute. Throws
  /// Error(not_found).
  KernelInfo find(KernelId kernel) const;
  KernelInfo find(std::string_view name_or_id) const;
  /// Every kernel that lives, and those that died in the last minute.
  std::vector<KernelInfo> list() const;
  std::vector<SpecInfo> specs() const;

  /// Interrupts whatever runs now. Blocks until the outcome is known, at most `options.timeout` and
  /// the way there and back.
  InterruptOutcome interrupt(KernelId kernel, InterruptOptions options = {}) const;
  /// Interrupts or cancels one request. `host`: whose it is; none: ours.
  InterruptOutcome interrupt(KernelId kernel, RequestId request, InterruptOptions options = {},
                             PeerId host = {}) const;
  /// Blocks until the kernel is gone; says how it ended.
  Death stop(KernelId kernel, StopOptions options = {}) const;
  /// Sends a signal to the kernel process.
  void signal(KernelId kernel, int signal) const;
  /// SIGKILL to its whole process tree. Blocks until the kernel is gone.
  Death kill(KernelId kernel) const;

  /// Reads what a kernel has said to its hosts, also one that is dead, as long as the broker keeps
  /// its log. Does not block: a log that does not exist is told by the first `next`.
  LogReader read_log(KernelId kernel, LogOptions options) const;
  LogReader read_log(KernelId kernel) const;

  /// Calls `callback`, on a thread of its own, with every heartbeat and change of state of every
  /// kernel from now on. The callback may block; it must not throw: that ends the program.
  Subscription watch(std::function<void(const KernelEvent&)> callback) const;

  /// Where it lives.
  const std::filesystem::path& directory() const;
  bool is_embedded() const;
  /// False once the broker was found gone; then every function fails with `disconnected`. Does not
  /// block.
  bool connected() const;
  /// Our own peer id: the owner of the kernels we start. A session keeps it.
  PeerId self() const;
  /// It has a session that an earlier process began.
  bool resumed() const;
  /// Its session shall end with its connection, which then ends its kernels.
  void end_session() const;

 private:
  friend class LogReader;
  friend class Subscription;
  friend class Worker;
  struct Impl;
  explicit Broker(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

/// Where brokers live that are given by name: $XDG_RUNTIME_DIR/oast, or /tmp/oast-UID where
/// that variable names no writable directory of this user's. Not made.
std::filesystem::path runtime_root();

}  // namespace oast
