// Something that one thread rings and others wait for with poll.
#pragma once

#include <atomic>

#include "unique_fd.hpp"

namespace oast::cli {

/// Rings once and then stays rung until `silence`. Thread-safe; `ring` is async-signal-safe.
class Bell {
 public:
  Bell();

  void ring() noexcept;
  void silence() noexcept;
  bool rung() const noexcept { return rung_.load(std::memory_order_acquire); }
  /// Readable while it rings.
  int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::atomic<bool> rung_{false};
};

}  // namespace oast::cli
