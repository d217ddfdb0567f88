// What the tests of Worker share: real brokers, and ways to wait for what happens.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "oast/oast.hpp"

namespace oast::test {

/// A deadline that only a failing test meets.
inline constexpr std::chrono::seconds kGenerous{20};

/// A daemon in a directory of its own: a real `oast-broker` process. Ended with SIGTERM, and its
/// directory removed, when destroyed.
class Daemon {
 public:
  /// Blocks until it is ready. `config`: the text of its configuration file; empty: none.
  explicit Daemon(const std::string& config = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  pid_t pid() const { return pid_; }
  Broker connect() const { return Broker::connect(directory_.string(), {.name = "test"}); }
  /// Sends a signal and reaps it. Blocks.
  void end(int signal);

 private:
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

/// Runs the test once with an embedded broker and once with a daemon.
void with_each_broker(const std::function<void(const Broker&)>& test);

/// Blocks until `fact()` is true; fails the test at the deadline.
void eventually(const std::function<bool()>& fact, const char* what);

/// True when every thread of the process is stopped, as SIGSTOP does, which takes a moment.
bool all_stopped(pid_t pid);

/// True while the process exists, zombies included.
bool exists(pid_t pid);

/// The kind of the failure that the future ends with; fails the test when it does not.
template <class T>
FailureKind kind_of(const Future<T>& future) {
  REQUIRE(future.wait_for(kGenerous));
  try {
    future.get();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("it did not fail");
  return {};
}

/// An event that a callback signals and a test waits for.
class Event {
 public:
  void set() { promise_.set_value(); }
  void wait() { REQUIRE(future_.wait_for(kGenerous) == std::future_status::ready); }

 private:
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
};

/// Starts code that prints something first, and returns once it has: the code is running.
Future<Value> start_running(Evaluator& worker, const std::string& code);

}  // namespace oast::test
