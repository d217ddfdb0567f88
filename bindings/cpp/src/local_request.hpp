// One open request to an engine in this process.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "oast/evaluator.hpp"
#include "oast/future.hpp"
#include "oast/ids.hpp"

namespace oast::detail {

class LocalEngine;

/// A request from its submission until it has ended. Its futures keep the engine's memory, not its
/// thread, alive. Thread-safe but for what it says.
class LocalRequest : public Pending, public std::enable_shared_from_this<LocalRequest> {
 public:
  LocalRequest(std::shared_ptr<LocalEngine> engine, OutputCallback output, InputCallback input)
      : on_input(std::move(input)), on_output_(std::move(output)), engine_(std::move(engine)) {}

  bool wait(std::optional<Clock::time_point> deadline) override;
  void cancel() override;
  void mute() override;

  /// Exactly one of them is called, once.
  void end(Value value);
  void end(Failure failure);

  /// To the request's callback, if it has one, else to the worker's. On the engine's thread.
  void output(const Output& output, const OutputCallback& of_worker);

  const InputCallback on_input;
  RequestKey at_channel;  // of a channel operation: before it begins, and never changed

 private:
  std::recursive_mutex gate_;  // held while a callback runs; recursive for callbacks that wait
  OutputCallback on_output_;   // guarded by gate_
  const std::shared_ptr<LocalEngine> engine_;
  std::mutex mutex_;
  std::condition_variable ended_;
};

}  // namespace oast::detail
