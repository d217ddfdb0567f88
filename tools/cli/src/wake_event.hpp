// Something that one thread rings and others wait for with poll.
#pragma once

#include <atomic>

#include "unique_fd.hpp"

namespace oast::cli {

/// Rings once and then stays rung until `silence`. Thread-safe; `ring` is async-signal-safe.
class WakeEvent {
 public:
  WakeEvent();

  void set() noexcept;
  void clear() noexcept;
  bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }
  /// Readable while it rings.
  int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::atomic<bool> set_{false};
};

}  // namespace oast::cli
