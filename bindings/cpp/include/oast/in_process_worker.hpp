// A worker without a process, for tests and for code that may run in the host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "oast/evaluator.hpp"

namespace oast {

/// Callbacks of an InProcessWorker: see EvalOptions.
struct InProcessOptions {
  OutputCallback on_output = {};
  InputCallback on_input = {};
};

/// A Lua engine on a thread of this process, with the interface of a Worker. Nothing isolates it:
/// code that crashes takes the host along, and code that never returns to Lua cannot be stopped.
/// `os.exit` raises an error instead of ending the host.
///
/// Callbacks and continuations run on the engine's thread, except `on_input`, which blocks the
/// engine on a thread of its own.
///
/// Interrupts are a realtime signal to the engine's thread: the first from SIGRTMAX down that the
/// program does not use when the first InProcessWorker is made. Its handler stays installed; it
/// must not be replaced nor the signal be sent by others.
///
/// Movable. Thread-safe, but not while it is moved or destroyed.
class InProcessWorker : public Evaluator {
 public:
  /// Blocks while the engine starts.
  explicit InProcessWorker(InProcessOptions options = {});
  /// Interrupts what runs, and blocks until it has ended.
  ~InProcessWorker() override;
  InProcessWorker(InProcessWorker&&) noexcept;
  InProcessWorker& operator=(InProcessWorker&&) noexcept;

  Future<Value> submit(const Request& request, EvalOptions options) override;
  /// `options.escalate` cannot be granted: the outcome is then `not_interruptible`.
  InterruptOutcome interrupt(InterruptOptions options = {}) override;
  /// Interrupts what runs and fails what is queued with `kernel_died`. Blocks until the engine has
  /// ended, however long that takes; the options do not count.
  void stop(StopOptions options = {}) override;
  bool isrunning() const override;
  Completions complete(std::string_view code, std::size_t cursor) override;
  std::optional<std::string> inspect(std::string_view code, std::size_t cursor,
                                     int detail = 0) override;
  Completeness is_complete(std::string_view code) override;

 private:
  std::shared_ptr<detail::ChannelHome> channels() override;

  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace oast
