// What a running request prints and reads.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oast/evaluator.hpp"
#include "wake_event.hpp"

namespace oast::cli {

/// Connects one request to our standard streams, or collects its output. Shared with the host
/// library's callbacks, which may outlive the request. Thread-safe.
class RequestStreams {
 public:
  explicit RequestStreams(bool collect) : collect_(collect) {}

  /// Prints or keeps. A slow reader of ours holds up the thread that receives: that, in turn, holds
  /// up the kernel, which is the only place where a flood can wait without costing memory. After
  /// `mute` and `end` it does nothing.
  void write(const Output& output);
  /// A line of our standard input, or its next bytes; nothing at its end and after `end`. Blocks.
  std::optional<std::string> read(const InputRequest& asked);

  /// Drops all output from now on, also what is being written.
  void mute() noexcept { muted_.set(); }
  /// The request is over: calls off a read that waits.
  void end() noexcept;
  /// Rings when our output cannot be written any longer.
  const WakeEvent& broken() const noexcept { return broken_; }
  /// Throws what broke our output, unless its reader just left.
  void rethrow();
  std::vector<Output> collected();

 private:
  std::shared_ptr<WakeEvent> begin_read();
  void keep(const Output& output);
  void print(const Output& output);

  const bool collect_;
  WakeEvent muted_;
  WakeEvent broken_;
  std::mutex mutex_;
  bool ended_ = false;
  std::shared_ptr<WakeEvent> reading_;  // rings when that read is called off
  std::vector<Output> outputs_;
  std::exception_ptr fault_;
};

/// What is shown of a display: its plain text, or what it has instead.
std::string display_text(const Output& output);

}  // namespace oast::cli
