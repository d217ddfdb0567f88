#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "oast/oast.hpp"
#include "waiting.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

FailureKind kind_of(const Future<Value>& future) {
  try {
    future.get_for(kGenerous);
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("it did not fail");
  return {};
}

/// Output callback that says when the code has begun: the code prints something first.
struct Begun {
  std::promise<void> promise;
  EvalOptions options() {
    EvalOptions result;
    result.on_output = [this](const Output&) { promise.set_value(); };
    return result;
  }
  void wait() { REQUIRE(promise.get_future().wait_for(kGenerous) == std::future_status::ready); }
};

}  // namespace

TEST_CASE("in process: an expression gives its value, and state persists") {
  InProcessWorker w;
  CHECK(w.remote_eval_fetch<int>("1 + 1") == 2);
  w.remote_eval_wait("x = 40");
  CHECK(w.remote_eval_fetch<int>("x + 2") == 42);
  CHECK(w.remote_eval("x").get() == Value(40));
}

TEST_CASE("in process: an integer stays one") {
  InProcessWorker w;
  CHECK(w.remote_eval_fetch("2^53") == Value(9007199254740992.0));
  CHECK(w.remote_eval_fetch("1 << 62") == Value(std::int64_t{1} << 62));
}

TEST_CASE("in process: what the code raises is a RemoteException with its message") {
  InProcessWorker w;
  try {
    w.remote_eval_fetch("error('boom')");
    FAIL("it did not throw");
  } catch (const RemoteException& error) {
    CHECK(std::string(error.what()).find("boom") != std::string::npos);
    CHECK_FALSE(error.failure().traceback.empty());
  }
  CHECK(w.remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("in process: calls by path and by source") {
  InProcessWorker w;
  CHECK(w.remote_call_fetch<std::string>("string.upper", {"abc"}) == "ABC");
  CHECK(w.remote_call_fetch<int>(source("function(a, b) return a + b end"), {1, 2}) == 3);
  w.remote_eval_wait("function f(x) called = x end");
  w.remote_call_wait("f", {7});
  CHECK(w.remote_eval_fetch<int>("called") == 7);
  w.remote_do(function("f"), {8});
  CHECK(w.remote_eval_fetch<int>("called") == 8);
  w.remote_do(source("function(x) called = x end"), {9});
  CHECK(w.remote_eval_fetch<int>("called") == 9);
  w.remote_do("called = 10");
  CHECK(w.remote_eval_fetch<int>("called") == 10);
  CHECK(kind_of(w.remote_call("no.such.function")) == FailureKind::not_found);
}

TEST_CASE("in process: requests start in the order sent") {
  InProcessWorker w;
  w.remote_eval_wait("t = {}");
  for (int i = 0; i < 100; ++i) w.remote_do("t[#t + 1] = " + std::to_string(i));
  const auto order = w.remote_eval_fetch<std::vector<int>>("t");
  REQUIRE(order.size() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("in process: output comes before the value, to the request's callback or the worker's") {
  std::vector<std::string> of_worker;
  InProcessWorker w({.on_output = [&](const Output& o) { of_worker.push_back(o.text); }});
  std::string of_request;
  EvalOptions options;
  options.on_output = [&](const Output& o) { of_request += o.text; };
  w.remote_eval_wait("print('a') io.write('b')", options);
  CHECK(of_request == "a\nb");
  CHECK(of_worker.empty());
  w.remote_eval_wait("print('c')");
  std::string joined;
  for (const auto& text : of_worker) joined += text;
  CHECK(joined == "c\n");
}

TEST_CASE("in process: stderr is told from stdout") {
  InProcessWorker w;
  std::string err;
  EvalOptions options;
  options.on_output = [&](const Output& o) {
    if (o.stream == Output::Stream::err) err += o.text;
  };
  w.remote_eval_wait("io.stderr:write('oops') io.write('fine')", options);
  CHECK(err == "oops");
}

TEST_CASE("in process: what an output callback throws is thrown by get, and the worker goes on") {
  InProcessWorker w;
  EvalOptions options;
  options.on_output = [](const Output&) { throw std::runtime_error("disk full"); };
  CHECK_THROWS_WITH(w.remote_eval_wait("print('x')", options), "disk full");
  CHECK(w.remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("in process: input is asked of the host, and without a callback is at its end") {
  InProcessWorker w;
  EvalOptions options;
  options.on_input = [](const std::string&, bool) { return std::optional<std::string>("a line"); };
  CHECK(w.remote_eval_fetch<std::string>("io.read()", options) == "a line");
  CHECK(w.remote_eval_fetch("io.read()").is_nil());
}

TEST_CASE("in process: a waiting input is interrupted") {
  InProcessWorker w;
  std::promise<void> asked;
  std::promise<void> release;
  auto released = release.get_future().share();
  EvalOptions options;
  options.on_input = [&asked, released](const std::string&, bool) -> std::optional<std::string> {
    asked.set_value();
    released.wait();
    return "too late";
  };
  const auto future = w.remote_eval("io.read()", options);
  asked.get_future().wait();
  CHECK(w.interrupt() == InterruptOutcome::interrupted);
  CHECK(kind_of(future) == FailureKind::interrupted);
  release.set_value();
  CHECK(w.remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("in process: an endless loop is interrupted, and the worker answers the next request") {
  InProcessWorker w;
  CHECK(w.interrupt() == InterruptOutcome::nothing_running);
  for (int i = 0; i < 50; ++i) {
    Begun begun;
    const auto future = w.remote_eval("print('on') while true do end", begun.options());
    begun.wait();
    CHECK(w.interrupt() == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
    CHECK(w.remote_eval_fetch<int>("1 + 1") == 2);
  }
}

TEST_CASE("in process: cancel ends a queued request before it begins, and no other") {
  InProcessWorker w;
  Begun begun;
  const auto running = w.remote_eval("print('on') while not go do end return 1", begun.options());
  begun.wait();
  const auto queued = w.remote_eval("ran = true");
  const auto after = w.remote_eval("ran");
  queued.cancel();
  CHECK(kind_of(queued) == FailureKind::interrupted);
  CHECK_FALSE(running.ready());
  running.cancel();
  CHECK(kind_of(running) == FailureKind::interrupted);
  CHECK(after.get_for(kGenerous).is_nil());
}

TEST_CASE("in process: a blocking call gives up at its timeout and interrupts what it started") {
  InProcessWorker w;
  try {
    w.remote_eval_wait("while true do end", {.timeout = 20ms});
    FAIL("no timeout");
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::timeout);
  }
  CHECK(w.remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("in process: after stop every request fails and says why") {
  InProcessWorker w;
  Begun begun;
  const auto running = w.remote_eval("print('on') while true do end", begun.options());
  begun.wait();
  const auto queued = w.remote_eval("1");
  w.stop();
  w.stop();
  CHECK_FALSE(w.isrunning());
  CHECK_THROWS_AS(running.get(), TerminatedWorkerException);
  CHECK_THROWS_AS(queued.get(), TerminatedWorkerException);
  CHECK_THROWS_AS(w.remote_eval_fetch("1"), TerminatedWorkerException);
  CHECK_THROWS_AS(w.remote_do("1"), TerminatedWorkerException);
}

TEST_CASE("in process: a channel carries values both ways, waits, and closes") {
  InProcessWorker w;
  w.remote_eval_wait("c = oast.channel(1)");
  auto c = w.worker_channel<int>("c");
  CHECK_FALSE(c.is_ready());
  c.put(1);
  CHECK(c.is_ready());
  const auto second = c.put_async(2);
  CHECK_FALSE(second.ready());
  CHECK(c.take() == 1);
  second.get();
  CHECK(c.take() == 2);

  const auto waiting = c.take_async();
  CHECK(w.remote_eval_fetch<int>("1") == 1);  // a waiting take keeps nothing else waiting
  w.remote_eval_wait("c:put(3)");
  CHECK(waiting.get() == 3);

  CHECK_FALSE(c.take_for(1ms).has_value());
  c.put(4);
  c.close();
  std::vector<int> rest;
  for (const int value : c) rest.push_back(value);
  CHECK(rest == std::vector<int>{4});
  CHECK_THROWS_AS(c.put(5), Error);
}

TEST_CASE("in process: code that waits at a channel is interrupted") {
  InProcessWorker w;
  w.remote_eval_wait("c = oast.channel(1)");
  // Many times: before it waits, or while it does.
  for (int i = 0; i < 50; ++i) {
    Begun begun;
    const auto taking = w.remote_eval("print('on') return c:take()", begun.options());
    begun.wait();
    CHECK(w.interrupt() == InterruptOutcome::interrupted);
    CHECK(kind_of(taking) == FailureKind::interrupted);
    worker_channel<int>(w, "c").put(i);
    CHECK(w.remote_eval_fetch<int>("c:ready() and c:take() or -1") == i);
  }
}

TEST_CASE("in process: a worker_channel of something else is an error") {
  InProcessWorker w;
  CHECK_THROWS_AS(w.worker_channel("42"), RemoteException);
}

TEST_CASE("in process: complete, inspect and is_complete") {
  InProcessWorker w;
  const auto found = w.complete("string.upp", 10);
  CHECK(std::count(found.matches.begin(), found.matches.end(), "upper") +
            std::count(found.matches.begin(), found.matches.end(), "string.upper") ==
        1);
  CHECK(w.is_complete("1 + 1").status == CodeStatus::complete);
  CHECK(w.is_complete("for i = 1, 2 do").status == CodeStatus::incomplete);
  CHECK(w.inspect("print", 3).has_value());
}

TEST_CASE("in process: os.exit does not end the host") {
  InProcessWorker w;
  CHECK_THROWS_AS(w.remote_eval_fetch("os.exit(3)"), Error);
  CHECK(w.remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("in process: a continuation runs, and may ask again") {
  InProcessWorker w;
  std::promise<int> second;
  w.remote_eval("1").then([&](const Future<Value>& first) {
    w.remote_eval("2").then([&second, a = first.get().as<int>()](const Future<Value>& f) {
      second.set_value(a + f.get().as<int>());
    });
  });
  auto result = second.get_future();
  REQUIRE(result.wait_for(kGenerous) == std::future_status::ready);
  CHECK(result.get() == 3);
}

TEST_CASE("in process: many threads use one worker") {
  InProcessWorker w;
  w.remote_eval_wait("n = 0");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&w] {
      for (int i = 0; i < 500; ++i) w.remote_eval_wait("n = n + 1");
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(w.remote_eval_fetch<int>("n") == 2000);
}

TEST_CASE("in process: several workers keep their states and interrupts apart") {
  InProcessWorker a;
  InProcessWorker b;
  a.remote_eval_wait("x = 'a'");
  b.remote_eval_wait("x = 'b'");
  Begun begun;
  const auto running = b.remote_eval("print('on') while not go do end", begun.options());
  begun.wait();
  CHECK(a.interrupt() == InterruptOutcome::nothing_running);
  CHECK(a.remote_eval_fetch<std::string>("x") == "a");
  CHECK_FALSE(running.ready());
  running.cancel();
  CHECK(kind_of(running) == FailureKind::interrupted);
  CHECK(b.remote_eval_fetch<std::string>("x") == "b");
}

TEST_CASE("in process: a future outlives its worker") {
  Future<Value> future;
  {
    InProcessWorker w;
    future = w.remote_eval("while true do end");
  }
  CHECK(kind_of(future) == FailureKind::kernel_died);
}

TEST_CASE("in process: a worker can be moved") {
  InProcessWorker a;
  a.remote_eval_wait("x = 1");
  InProcessWorker b = std::move(a);
  CHECK(b.remote_eval_fetch<int>("x") == 1);
  b = InProcessWorker();
  CHECK(b.remote_eval_fetch("x").is_nil());
}
