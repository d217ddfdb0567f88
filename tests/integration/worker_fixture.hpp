// What the tests of Worker share: real brokers, and ways to wait for what happens.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>

#include "daemon_process.hpp"
#include "oast/oast.hpp"
#include "process.hpp"
#include "scratch_directory.hpp"
#include "waiting.hpp"

namespace oast::test {

/// A daemon, and hosts of it.
class Daemon : public DaemonProcess {
 public:
  using DaemonProcess::DaemonProcess;
  Broker connect() const { return Broker::connect(directory().string(), {.name = "test"}); }
};

/// Runs the test once with an embedded broker and once with a daemon.
void with_each_broker(const std::function<void(const Broker&)>& test);

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

/// The kind of the failure that `action` throws; fails the test when it does not.
FailureKind refusal(const std::function<void()>& action);

/// Starts code that prints something first, and returns once it has: the code is running.
Future<Value> start_running(Evaluator& worker, const std::string& code);

}  // namespace oast::test
