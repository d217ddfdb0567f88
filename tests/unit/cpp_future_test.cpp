#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "oast/future.hpp"

using namespace oast;

namespace {

/// A request that the test ends.
class Promise : public detail::Pending {
 public:
  bool wait(std::optional<Clock::time_point> deadline) override {
    std::unique_lock lock(mutex_);
    const auto done = [this] { return ready(); };
    if (deadline) return ended_.wait_until(lock, *deadline, done);
    ended_.wait(lock, done);
    return true;
  }
  void cancel() override { end({FailureKind::interrupted, "cancelled", {}, {}, {}}); }

  void end(Value value) {
    succeed(std::move(value));
    notify();
  }
  void end(Failure failure) {
    fail(std::move(failure));
    notify();
  }
  using Pending::spoil;

 private:
  void notify() {
    const std::lock_guard lock(mutex_);
    ended_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable ended_;
};

}  // namespace

TEST_CASE("a default future is not valid and any other is") {
  CHECK_FALSE(Future<Value>().valid());
  CHECK(Future<Value>(std::make_shared<Promise>()).valid());
}

TEST_CASE("a future is not ready before its request ends and gives the value afterwards") {
  const auto promise = std::make_shared<Promise>();
  const Future<int> future(promise);
  CHECK_FALSE(future.ready());
  CHECK_FALSE(future.wait_for(std::chrono::milliseconds(1)));
  promise->end(Value(42));
  CHECK(future.ready());
  CHECK(future.wait_for(std::chrono::milliseconds(0)));
  CHECK(future.get() == 42);
  CHECK(future.get() == 42);
}

TEST_CASE("get wakes when another thread ends the request") {
  const auto promise = std::make_shared<Promise>();
  std::thread other([promise] { promise->end(Value("done")); });
  CHECK(Future<std::string>(promise).get() == "done");
  other.join();
}

TEST_CASE("get throws the class that belongs to the failure") {
  const auto ended = [](FailureKind kind) {
    auto promise = std::make_shared<Promise>();
    promise->end({kind, "why", {}, {}, {}});
    return Future<Value>(promise);
  };
  CHECK_THROWS_AS(ended(FailureKind::remote_exception).get(), RemoteException);
  CHECK_THROWS_AS(ended(FailureKind::kernel_died).get(), TerminatedWorkerException);
  CHECK_THROWS_WITH_AS(ended(FailureKind::overloaded).get(), "why", Error);
}

TEST_CASE("get_for says timeout, and the request goes on") {
  const auto promise = std::make_shared<Promise>();
  const Future<int> future(promise);
  try {
    future.get_for(std::chrono::milliseconds(1));
    FAIL("no timeout");
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::timeout);
  }
  promise->end(Value(1));
  CHECK(future.get_for(std::chrono::milliseconds(1)) == 1);
}

TEST_CASE("a value that does not fit is an error that says so") {
  const auto promise = std::make_shared<Promise>();
  promise->end(Value("text"));
  CHECK_THROWS_AS(Future<int>(promise).get(), Error);
  CHECK_NOTHROW(Future<void>(promise).get());
}

TEST_CASE("a continuation runs once, when the request ends or at once if it has") {
  const auto promise = std::make_shared<Promise>();
  const Future<int> future(promise);
  std::vector<int> seen;
  future.then([&](const Future<int>& f) { seen.push_back(f.get()); });
  future.then([&](const Future<int>& f) { seen.push_back(f.get() + 1); });
  CHECK(seen.empty());
  promise->end(Value(1));
  CHECK(seen == std::vector<int>{1, 2});
  future.then([&](const Future<int>& f) { seen.push_back(f.get() + 2); });
  CHECK(seen == std::vector<int>{1, 2, 3});
}

TEST_CASE("no continuation is lost when requests end meanwhile") {
  constexpr int kRounds = 20000;
  std::atomic<int> ran{0};
  for (int i = 0; i < kRounds / 100; ++i) {
    std::vector<std::shared_ptr<Promise>> promises;
    for (int j = 0; j < 100; ++j) promises.push_back(std::make_shared<Promise>());
    std::thread ender([&] {
      for (const auto& promise : promises) promise->end(Value(1));
    });
    for (const auto& promise : promises)
      Future<int>(promise).then([&](const Future<int>&) { ++ran; });
    ender.join();
  }
  CHECK(ran == kRounds);
}

TEST_CASE("a continuation that was never run is freed with its request") {
  const auto token = std::make_shared<int>(1);
  {
    const auto promise = std::make_shared<Promise>();
    promise->then([token] {});
    CHECK(token.use_count() == 2);
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE("cancel ends the request once, also when it has ended") {
  const auto promise = std::make_shared<Promise>();
  const Future<int> future(promise);
  future.cancel();
  CHECK_THROWS_AS(future.get(), Error);
}

TEST_CASE("take moves the value out of a future that nobody shares") {
  auto promise = std::make_shared<Promise>();
  promise->end(Value("a text that is too long for the small string optimisation"));
  const char* before = std::get<std::string>(promise->value().variant()).data();
  Future<Value> future(std::move(promise));
  const Value taken = future.take();
  CHECK_FALSE(future.valid());
  CHECK(std::get<std::string>(taken.variant()).data() == before);
}

TEST_CASE("take leaves the value to other copies") {
  const auto promise = std::make_shared<Promise>();
  promise->end(Value("kept"));
  Future<Value> one(promise);
  const Future<Value> two(promise);
  CHECK(one.take() == Value("kept"));
  CHECK(two.get() == Value("kept"));
}

TEST_CASE("what a callback threw first is what get throws") {
  const auto promise = std::make_shared<Promise>();
  promise->spoil(std::make_exception_ptr(std::runtime_error("first")));
  promise->spoil(std::make_exception_ptr(std::runtime_error("second")));
  promise->end(Value(1));
  CHECK_THROWS_WITH(Future<int>(promise).get(), "first");
}
