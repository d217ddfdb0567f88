// A line, or bytes, that the running request asked its host for.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "oast/ids.hpp"
#include "oast/kernel/engine.hpp"
#include "oast/kernel/engine_wait.hpp"

namespace oast::kernel {

/// Where the answer to an InputRequest is put down. One request at a time waits for one.
///
/// When the wait for a line is interrupted, its answer is dropped; a block is the next one's, for
/// which nothing is asked again: no byte of a stream is lost.
///
/// Threads: ask, open and close on the thread that asks, the rest on any.
class InputSlot {
 public:
  /// Asks by `send(number)`, and waits for the answer. Throws Interrupted.
  template <class Send>
  std::optional<std::string> ask(RequestKey key, bool block, const EngineWait& wait,
                                 const Send& send) {
    if (wait.stopped()) throw Interrupted{};
    if (const std::uint64_t number = open(key, block)) send(number);
    wait.wait([&] { return answered() || wait.stopped(); });
    const bool came = answered();
    auto answer = close();
    if (!came) throw Interrupted{};
    return answer;
  }

  /// Waits for the host's answer from now on. The number to ask with; 0: a block that was asked for
  /// is still to come.
  std::uint64_t open(RequestKey key, bool block);
  /// Ends the wait. The line, or nothing if none came or the input has ended.
  std::optional<std::string> close();

  /// Nothing is the end of input. Ignored unless it answers what was asked for last; `number` 0
  /// does.
  void answer(RequestKey key, std::uint64_t number, std::optional<std::string> line);
  /// Input of the host has ended.
  void end(PeerId host);
  /// Does not block.
  bool answered() const noexcept { return answered_; }

 private:
  struct Asked {
    RequestKey key;
    std::uint64_t number = 0;
    bool block = false;
  };

  std::mutex mutex_;
  std::optional<Asked> asked_;
  std::uint64_t last_ = 0;  // number
  std::optional<std::string> line_;
  std::atomic<bool> answered_ = false;
};

}  // namespace oast::kernel
