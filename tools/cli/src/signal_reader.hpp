// SignalReader as data.
#pragma once

#include <optional>

#include "unique_fd.hpp"

namespace oast::cli {

/// SIGINT, SIGTERM, SIGHUP, SIGWINCH and SIGCONT, read from a descriptor instead of interrupting
/// anything.
/// Made by the main thread before there are others, so that all of them leave these signals alone;
/// lives as long as the command. SIGTERM and SIGHUP stay ignored when the parent wished so (nohup).
class SignalReader {
 public:
  SignalReader();

  /// Readable while a signal waits.
  int fd() const noexcept { return fd_.get(); }
  /// The next signal, if one waits. Does not block.
  std::optional<int> take();

 private:
  UniqueFd fd_;
};

/// SIGINT, SIGTERM and SIGHUP; the others are only news.
bool asks_to_end(int signal);
/// SIGTERM and SIGHUP mean "leave at once".
bool is_ending(int signal);

}  // namespace oast::cli
