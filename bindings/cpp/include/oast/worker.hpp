// Workers: kernels in processes of their own, as objects.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oast/broker.hpp"
#include "oast/evaluator.hpp"
#include "oast/log.hpp"

namespace oast {

/// What becomes of a kernel that died by itself: not of one that somebody stopped or killed, or
/// whose owner has left.
enum class RestartPolicy : unsigned char {
  never,
  on_failure,  ///< started again unless it exited with code 0
  always,
};

/// How a kernel is started.
struct StartOptions {
  std::string name = {};                        ///< unique among living kernels; empty: made up
  std::map<std::string, std::string> env = {};  ///< besides the spec's; nothing else is inherited
  std::string cwd = {};                         ///< absolute; empty: the spec's, or "/"
  /// For specs that take them: the program ("/home/me/venv/bin/python") and its flags, instead of
  /// the spec's own.
  std::string exename = {};
  std::vector<std::string> exeflags = {};
  /// The kernel goes on without us. For daemons: an embedded broker takes its kernels along.
  bool detach = false;
  std::chrono::milliseconds timeout{0};  ///< to register; 0: the broker's default
  /// The new kernel has all of the old one but its id, and the old one's Workers have terminated.
  /// Broker::attach by name gives one of the new, which ends with this process or by a stop.
  RestartPolicy restart = RestartPolicy::never;
  unsigned restart_intensity = 3;                  ///< at most so many restarts
  std::chrono::milliseconds restart_period{5000};  ///< within this time; then it stays dead
  std::optional<Broker> broker = {};               ///< empty: Broker::process_default()
  /// For output and input requests of all that this Worker asks, unless EvalOptions has its own.
  OutputCallback on_output = {};
  InputCallback on_input = {};
};

/// A kernel in a process of its own:
///
///     oast::Worker w{"lua"};
///     auto n = w.remote_eval_fetch<int>("1 + 1");
///
/// Movable, not copyable. Destroying a Worker that started its kernel stops the kernel, whatever
/// runs in it, unless it was detached: it is asked to end, and two seconds later made to, so that
/// this blocks for three seconds at most, and until a running output callback has returned.
/// Thread-safe: many threads may use one Worker, but not while it is moved or destroyed. A
/// moved-from Worker may only be destroyed or assigned to.
class Worker : public Evaluator {
 public:
  /// Starts a kernel of `spec` and returns once it has registered; see Broker::start.
  explicit Worker(std::string_view spec = "lua", StartOptions options = {});
  ~Worker() override;
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;

  KernelId id() const;
  const std::string& name() const;
  const Broker& broker() const;
  /// What the broker knows of it now. Blocks. Throws Error(not_found) a minute after its death.
  KernelInfo info() const;
  /// How it ended, if that is known here already. Does not block.
  std::optional<Death> death() const;
  /// See Broker::read_log.
  LogReader read_log(LogOptions options = {}) const;
  /// SIGKILL to its whole process tree. Blocks until it is gone.
  Death kill();
  /// Leaves the kernel alone from now on: destroying this Worker does not stop it. It still ends
  /// with the broker connection of its owner unless it was started detached.
  void release() noexcept;

  Future<Value> submit(const Request& request, EvalOptions options) override;
  InterruptOutcome interrupt(InterruptOptions options = {}) override;
  void stop(StopOptions options = {}) override;
  bool isrunning() const override;
  Completions complete(std::string_view code, std::size_t cursor) override;
  std::optional<std::string> inspect(std::string_view code, std::size_t cursor,
                                     int detail = 0) override;
  Completeness is_complete(std::string_view code) override;

 private:
  friend class Broker;
  struct Impl;
  explicit Worker(std::shared_ptr<Impl> impl);
  std::shared_ptr<detail::ChannelHome> channels() override;
  void end() noexcept;

  std::shared_ptr<Impl> impl_;
};

}  // namespace oast
