// Taking turns.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace oast::wire {

/// Who holds something that one thread holds at a time. The *foreground* are threads that need it
/// for what they wait for; the *background* is one thread that takes it when nobody else does, and
/// gives it back to the first of the foreground that claims it.
///
/// Part of a class with a mutex, which every function wants locked.
class TurnLock {
 public:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;

  bool held() const { return held_; }
  bool held_by_background() const { return background_holds_; }
  bool mine() const { return held_ && holder_ == std::this_thread::get_id(); }
  /// Somebody in the foreground waits for its turn.
  bool claimed() const { return claims_ > 0; }

  /// Precondition: not held.
  void take() {
    held_ = true;
    holder_ = std::this_thread::get_id();
  }
  void release();

  /// Foreground: waits until it is free, `stop()`, or the deadline; `ask()`, called before each
  /// sleep, tells the holder.
  template <class Stop, class Ask>
  void claim(Lock& lock, const Stop& stop, const Ask& ask,
             std::optional<Clock::time_point> deadline) {
    ++claims_;
    while (held_ && !stop() && !(deadline && Clock::now() >= *deadline)) {
      ask();
      sleep(lock, deadline);
    }
    --claims_;
  }
  /// Makes those who wait in `claim` look at their conditions again.
  void recheck() { released_.notify_all(); }

  /// Background: takes it, which is true, if nobody has held it for `linger` or somebody is in a
  /// hurry; else sleeps for a while. Returns in any case at the deadline and after `wake`.
  bool take_in_background(Lock& lock, std::chrono::milliseconds linger, Clock::time_point deadline);
  void wake_background() { woken_.notify_all(); }

  /// The background shall take it without lingering, once it is free.
  void hurry() {
    hurry_ = true;
    woken_.notify_one();
  }
  void no_hurry() { hurry_ = false; }

 private:
  void sleep(Lock& lock, std::optional<Clock::time_point> deadline);

  std::condition_variable released_;  // the foreground waits for its turn or its condition
  std::condition_variable woken_;     // the background waits for a quiet moment
  bool held_ = false;
  bool background_holds_ = false;
  bool background_deep_ = false;  // the background sleeps until a release
  bool hurry_ = false;
  std::thread::id holder_;
  unsigned claims_ = 0;
  std::uint64_t releases_ = 0;
};

}  // namespace oast::wire
