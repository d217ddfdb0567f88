// How a test waits: for facts and events, with deadlines that only a failing test meets.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <future>

namespace oast::test {

inline constexpr std::chrono::seconds kGenerous{60};

/// Blocks until `fact()` is true; fails the test at the deadline, which says `what`.
void eventually(const std::function<bool()>& fact, const char* what);

/// An event that a callback signals and a test waits for.
class Event {
 public:
  void set() { promise_.set_value(); }
  void wait() { REQUIRE(future_.wait_for(kGenerous) == std::future_status::ready); }

 private:
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
};

}  // namespace oast::test
