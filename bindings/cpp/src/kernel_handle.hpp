// A kernel as the requests to it know it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "oast/error.hpp"
#include "oast/evaluator.hpp"
#include "oast/ids.hpp"

namespace oast::detail {

/// What a Worker shares with its open requests: who the kernel is, the Worker's own callbacks, and
/// how it died. Thread-safe.
class KernelHandle {
 public:
  KernelHandle(KernelId id, std::string name, OutputCallback on_output, InputCallback on_input)
      : id_(id),
        name_(std::move(name)),
        on_output_(std::move(on_output)),
        on_input_(std::move(on_input)),
        takes_output_(on_output_ != nullptr),
        takes_input_(static_cast<bool>(on_input_)) {}

  KernelId id() const { return id_; }
  const std::string& name() const { return name_; }

  /// Somebody has to receive promptly for this Worker's sake.
  bool has_callbacks() const { return takes_output_ || takes_input_; }

  /// To `own`, a request's callback, or if that is nullptr to the Worker's; to nobody once the
  /// Worker has gone.
  void output(const OutputCallback* own, const Output& output) {
    const std::lock_guard lock(gate_);
    const OutputCallback& callback = own != nullptr ? *own : on_output_;
    if (callback && !retired_) callback(output);
  }
  /// A copy: it may run long after the Worker.
  InputCallback on_input() {
    const std::lock_guard lock(gate_);
    return retired_ ? InputCallback{} : on_input_;
  }
  /// Does something while no output callback runs, unless that is the caller.
  template <class Action>
  void between_outputs(const Action& action) {
    const std::lock_guard lock(gate_);
    action();
  }
  /// The Worker goes: no output callback of it or its requests runs from now on. Blocks until a
  /// running one has returned, unless it is the caller.
  void retire() {
    const std::lock_guard lock(gate_);
    retired_ = true;  // and no more: the caller may be one of the callbacks
  }

  std::optional<Death> death() const {
    const std::lock_guard lock(mutex_);
    return death_;
  }
  /// The first death that is noted counts.
  void note_death(const Death& death) {
    const std::lock_guard lock(mutex_);
    if (!death_) death_ = death;
  }

 private:
  const KernelId id_;
  const std::string name_;

  std::recursive_mutex gate_;  // held while a callback runs; recursive for callbacks that wait
  OutputCallback on_output_;   // guarded by gate_, as the next two
  InputCallback on_input_;
  bool retired_ = false;
  const bool takes_output_;
  const bool takes_input_;

  mutable std::mutex mutex_;
  std::optional<Death> death_;
};

}  // namespace oast::detail
