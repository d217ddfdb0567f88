// Waiting for others while code runs.
#pragma once

#include <functional>

namespace oast::kernel {

/// How a thread that runs code waits in whatever has the engine. All of them are thread-safe.
struct EngineWait {
  /// Blocks until `done()`, which is cheap and thread-safe.
  std::function<void(const std::function<bool()>& done)> wait;
  /// Makes those who wait look again. Does not block.
  std::function<void()> notify;
  /// What this thread runs is interrupted, or is to end.
  std::function<bool()> stopped;
};

}  // namespace oast::kernel
