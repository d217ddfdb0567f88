// Interrupts, cancellation and timeouts, through the host library.
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

TEST_CASE("P10: an interrupt stops an endless loop, again and again, and hits nothing else") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    CHECK(w.interrupt() == InterruptOutcome::nothing_running);
    for (int i = 0; i < 30; ++i) {
      const auto future = start_running(w, "while true do end");
      REQUIRE(w.interrupt() == InterruptOutcome::interrupted);
      REQUIRE(kind_of(future) == FailureKind::interrupted);
      REQUIRE(w.remote_eval_fetch<int>("1 + 1") == 2);
    }
  });
}

TEST_CASE("P10: cancel ends a queued request before it runs, and the running one goes on") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto running = start_running(w, "while true do end");
    const auto queued = w.remote_eval("ran = true");
    const auto after = w.remote_eval("ran");
    queued.cancel();
    CHECK(kind_of(queued) == FailureKind::interrupted);
    CHECK_FALSE(running.ready());
    running.cancel();
    CHECK(kind_of(running) == FailureKind::interrupted);
    CHECK(after.get_for(kGenerous).is_nil());
  });
}

TEST_CASE("P10: a cancel right behind its request is not lost") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    for (int i = 0; i < 100; ++i) {
      const auto future = w.remote_eval("while true do end");
      future.cancel();
      REQUIRE(kind_of(future) == FailureKind::interrupted);
    }
    CHECK(w.remote_eval_fetch<int>("1") == 1);
  });
}

TEST_CASE("cancel of what has ended changes nothing") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto future = w.remote_eval("7");
    CHECK(future.get() == Value(7));
    future.cancel();
    CHECK(future.get() == Value(7));
    CHECK(w.remote_eval_fetch<int>("8") == 8);
  });
}

TEST_CASE("a blocking call gives up at its timeout and interrupts what it started") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    try {
      w.remote_eval_wait("while true do end", {.timeout = 50ms});
      FAIL("no timeout");
    } catch (const Error& error) {
      CHECK(error.kind() == FailureKind::timeout);
    }
    CHECK(w.remote_eval_fetch<int>("1", {.timeout = kGenerous}) == 1);
  });
}

TEST_CASE("a sleeping call is interrupted") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto future = start_running(w, "os.execute('sleep 1000')");
    CHECK(w.interrupt() == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
  });
}

TEST_CASE("P6: an interrupt gets through while the kernel's queue is long") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto running = start_running(w, "while true do end");
    std::vector<Future<Value>> queued;
    for (int i = 0; i < 5000; ++i) queued.push_back(w.remote_eval("1"));
    CHECK(w.interrupt() == InterruptOutcome::interrupted);
    CHECK(kind_of(running) == FailureKind::interrupted);
    for (const auto& future : queued) REQUIRE(future.get() == Value(1));
  });
}

TEST_CASE("a request is interrupted by its number through the broker") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto future = start_running(w, "while true do end");
    RequestId running;
    eventually([&] { return bool(running = broker.find(w.id()).request); }, "a busy heartbeat");
    CHECK(broker.interrupt(w.id(), running) == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
    CHECK(broker.interrupt(w.id(), running) == InterruptOutcome::already_finished);
  });
}

TEST_CASE("code that cannot be interrupted is said so, and killed when asked") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    // A stopped process does not even notice.
    const int pid = w.info().pid;
    const auto future = start_running(w, "while true do end");
    broker.signal(w.id(), SIGSTOP);
    eventually([&] { return all_stopped(pid); }, "it has stopped");
    CHECK(w.interrupt({.timeout = 50ms}) == InterruptOutcome::not_interruptible);
    CHECK(w.interrupt({.timeout = 50ms, .escalate = true}) == InterruptOutcome::killed);
    CHECK(kind_of(future) == FailureKind::kernel_died);
    eventually([&] { return !exists(pid); }, "the process is gone");
  });
}

namespace {

/// Lua that starts a child in the background, whose number it puts into the global `child`.
constexpr const char* kBackgroundChild =
    "pipe = io.popen('echo $$; exec sleep 1000'); child = pipe:read('n')";

/// A zombie does not run.
bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto end_of_name = text.rfind(')');
  return end_of_name != std::string::npos && text.at(end_of_name + 2) != 'Z';
}

}  // namespace

TEST_CASE("P10: an interrupt spares what an earlier request left running, and ends its own child") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait(kBackgroundChild);
    const auto child = w.remote_eval_fetch<int>("child");
    const auto future = start_running(w, "print(1) os.execute('sleep 1000')");
    CHECK(w.interrupt({.timeout = kGenerous}) == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
    CHECK(runs(child));
  });
}

TEST_CASE("P10: an interrupt spares a child that started just before the request did") {
  const Broker broker = Broker::embedded();
  for (int i = 0; i < 5; ++i) {
    Worker w = broker.start();
    // Back to back: both begin within what the start times of processes can tell apart.
    w.remote_do(kBackgroundChild);
    const auto future = start_running(w, "print(child) os.execute('sleep 1000')");
    CHECK(w.interrupt({.timeout = kGenerous}) == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
    REQUIRE(runs(w.remote_eval_fetch<int>("child")));
  }
}

TEST_CASE("P10: an interrupt spares what a program that an earlier request started starts now") {
  const Broker broker = Broker::embedded();
  Worker w = broker.start();
  // The loop counts its turns, and says so when a signal ended one of its programs.
  w.remote_eval_wait(
      "loop = io.popen('while :; do sleep 0.1 && echo turn || echo HIT; done')\n"
      "function turn() local line = loop:read('l')\n"
      "  if line ~= 'turn' then hit = line or 'ended' end end");
  for (int i = 0; i < 3; ++i) {
    const auto future = start_running(
        w, "os.execute('sleep 0.2') print(1) os.execute('sh -c \"sleep 1000; :\"; :')");
    CHECK(w.interrupt({.timeout = kGenerous}) == InterruptOutcome::interrupted);
    CHECK(kind_of(future) == FailureKind::interrupted);
    w.remote_eval_wait("for i = 1, 3 do turn() end");
  }
  CHECK(w.remote_eval("hit").get_for(kGenerous).is_nil());
}

TEST_CASE("signals that a host handles do not disturb its waiting threads") {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};  // NOLINT(cppcoreguidelines-pro-type-union-access)
  REQUIRE(::sigaction(SIGUSR2, &action, &before) == 0);
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    std::atomic<bool> done = false;
    std::thread signals([&, waiting = ::pthread_self()] {
      while (!done) {
        ::pthread_kill(waiting, SIGUSR2);
        std::this_thread::yield();
      }
    });
    for (int i = 0; i < 1000; ++i) CHECK(w.remote_eval_fetch<int>("1 + 1") == 2);
    done = true;
    signals.join();
  });
  ::sigaction(SIGUSR2, &before, nullptr);
}
