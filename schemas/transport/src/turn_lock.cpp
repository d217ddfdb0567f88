#include "oast/turn_lock.hpp"

#include <algorithm>

namespace oast::wire {

void TurnLock::release() {
  held_ = false;
  background_holds_ = false;
  holder_ = {};
  ++releases_;
  if (claims_ > 0) released_.notify_all();
  if (background_deep_ || hurry_) {
    background_deep_ = false;
    woken_.notify_one();
  }
}

void TurnLock::sleep(Lock& lock, std::optional<Clock::time_point> deadline) {
  if (deadline) {
    released_.wait_until(lock, *deadline);
  } else {
    released_.wait(lock);
  }
}

bool TurnLock::take_in_background(Lock& lock, std::chrono::milliseconds linger,
                                  Clock::time_point deadline) {
  const auto seen = releases_;
  if (held_ || claims_ > 0) {
    // Look again after a while; if nothing moved, sleep until the release, so that a busy
    // foreground need not wake this thread at every turn and an idle one not at all.
    woken_.wait_for(lock, std::max(linger, std::chrono::milliseconds(1)));
    if (held_ && releases_ == seen) {
      background_deep_ = true;
      woken_.wait_until(lock, deadline);
      background_deep_ = false;
    }
    return false;
  }
  if (!hurry_) woken_.wait_for(lock, linger);
  if (held_ || claims_ > 0 || (!hurry_ && releases_ != seen)) return false;
  hurry_ = false;
  take();
  background_holds_ = true;
  return true;
}

}  // namespace oast::wire
