// Lines from a descriptor that somebody may never write.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "wake_event.hpp"

namespace oast::cli {

/// Reads a descriptor line by line, so that reading can be called off at any time. Takes from the
/// descriptor in blocks: use one reader for all its text. Thread-safe: lines go to whoever asks.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  /// The next line without its newline. Blocks. Nothing at the end of input, or when `cancel` rings
  /// first; a line that was begun is then kept for the next call.
  std::optional<std::string> line(const WakeEvent& cancel);
  /// The next bytes as they are, at most `most`, as soon as there are any. Otherwise as `line`.
  std::optional<std::string> block(std::size_t most, const WakeEvent& cancel);
  /// All that is left. Blocks until the end of input or until `cancel` rings.
  std::string rest(const WakeEvent& cancel);

 private:
  /// Reads more into `buffer_`; false at the end, an error, or when cancelled.
  bool fill(const WakeEvent& cancel);

  std::mutex mutex_;
  int fd_;
  std::string buffer_;
};

/// Standard input.
LineReader& input();

/// Turns the echo of the terminal behind `fd` off while it lives.
class EchoOff {
 public:
  explicit EchoOff(int fd);
  ~EchoOff();
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  int fd_;
  bool changed_ = false;
};

}  // namespace oast::cli
