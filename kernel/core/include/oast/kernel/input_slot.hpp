// A line, or bytes, that the running request asked its host for.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "oast/ids.hpp"
#include "oast/kernel/engine.hpp"
#include "oast/kernel/engine_wait.hpp"

namespace oast::kernel {

/// Where the answer to an InputRequest is put down. One request at a time waits for one.
///
/// Threads: ask, open and close on the thread that asks, the rest on any.
class InputSlot {
 public:
  /// Asks by `send()`, and waits for the answer. Throws Interrupted.
  template <class Send>
  std::optional<std::string> ask(RequestKey key, const EngineWait& wait, const Send& send) {
    open(key);
    send();
    wait.wait([&] { return answered() || wait.stopped(); });
    const bool came = answered();
    auto answer = close();
    if (!came) throw Interrupted{};
    return answer;
  }

  /// Waits for the host's answer from now on.
  void open(RequestKey key);
  /// Whatever comes now is too late. The line, or nothing if none came or the input has ended.
  std::optional<std::string> close();

  /// Nothing is the end of input. Ignored unless it is the answer that is waited for.
  void answer(RequestKey key, std::optional<std::string> line);
  /// Input of the host has ended.
  void end(PeerId host);
  /// Does not block.
  bool answered() const noexcept { return answered_; }

 private:
  std::mutex mutex_;
  std::optional<RequestKey> waiting_;
  std::optional<std::string> line_;
  std::atomic<bool> answered_ = false;
};

}  // namespace oast::kernel
