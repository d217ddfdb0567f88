// The ends of kernels, as their hosts see them.
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

Death death_of(const Future<Value>& future) {
  REQUIRE(future.wait_for(kGenerous));
  try {
    future.get();
  } catch (const TerminatedWorkerException& error) {
    return error.failure().death;
  }
  FAIL("it did not die");
  return {};
}

/// A kernel that is asked to leave interrupts what runs, and may still say so.
bool ended_by_stop(const Future<Value>& future) {
  const FailureKind kind = kind_of(future);
  return kind == FailureKind::interrupted || kind == FailureKind::kernel_died;
}

}  // namespace

TEST_CASE("P1, P9: kill -9 under running and queued requests fails them all and says SIGKILL") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const int pid = w.info().pid;
    std::vector<Future<Value>> futures;
    futures.push_back(start_running(w, "io.stderr:write('last words\\n') while true do end"));
    for (int i = 0; i < 1000; ++i) futures.push_back(w.remote_eval("1"));
    ::kill(pid, SIGKILL);
    for (const auto& future : futures) {
      const Death death = death_of(future);
      REQUIRE(death.cause == DeathCause::signalled);
      REQUIRE(death.signal == SIGKILL);
      REQUIRE(death.explanation.find("SIGKILL") != std::string::npos);
    }
    CHECK_FALSE(w.isrunning());
    REQUIRE(w.death().has_value());
    CHECK(w.death()->signal == SIGKILL);
    CHECK(death_of(w.remote_eval("1")).signal == SIGKILL);
    CHECK_THROWS_AS(w.interrupt(), TerminatedWorkerException);
    CHECK_THROWS_AS(w.complete("x", 1), TerminatedWorkerException);
    CHECK_THROWS_AS(w.remote_do("1"), TerminatedWorkerException);
    CHECK(w.kill().signal == SIGKILL);
  });
}

TEST_CASE("a death is seen at once, and not by the heartbeats that it misses") {
  const Broker broker = Broker::embedded({.heartbeat = 1h});
  Worker w = broker.start();
  const int pid = w.info().pid;
  const auto running = start_running(w, "while true do end");
  ::kill(pid, SIGKILL);
  CHECK(death_of(running).signal == SIGKILL);
}

namespace {

/// What the kernel printed that runs `code`, by which it ends while the daemon is stopped: that
/// finds all of it, and the end, waiting. Checks that the request then fails with the death.
std::string printed_while_nobody_read(const Daemon& daemon, const Broker& broker,
                                      const std::string& code) {
  const auto go = daemon.directory() / "go";
  std::filesystem::remove(go);
  Worker w = broker.start();
  const pid_t pid = w.info().pid;
  std::string out;
  Event running;
  const auto ended = w.remote_eval(
      "print('running') repeat local file = io.open('" + go.string() + "') until file " + code,
      {.on_output = [&](const Output& output) {
        if (out.empty()) running.set();
        out += output.text;
      }});
  running.wait();
  ::kill(daemon.pid(), SIGSTOP);
  eventually([&] { return all_stopped(daemon.pid()); }, "the daemon to stop");
  std::ofstream(go).put('!');
  eventually([&] { return !exists(pid); }, "the kernel to end");
  ::kill(daemon.pid(), SIGCONT);
  CHECK(kind_of(ended) == FailureKind::kernel_died);
  return out;
}

}  // namespace

TEST_CASE("P2: what a kernel printed before it ended arrives before the word of its end") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  for (int round = 0; round < 20; ++round)
    REQUIRE(printed_while_nobody_read(daemon, broker, "print('last words') os.exit(3)") ==
            "running\nlast words\n");
}

TEST_CASE("P2: thousands of records that a killed kernel had flushed arrive whole and in order") {
  const Daemon daemon;
  const std::string out = printed_while_nobody_read(
      daemon, daemon.connect(),
      "for i = 1, 15000 do print(i) io.flush() end os.execute('kill -9 $PPID')");
  std::string expected = "running\n";
  for (int i = 1; i <= 15000; ++i) expected += std::to_string(i) + "\n";
  CHECK((out == expected));  // not told when it fails: it is long
}

TEST_CASE("P1: answers and flushed output from before a SIGKILL arrive, each once and in order") {
  const std::string kill_itself =
      "print('last') io.flush() "
      "os.execute('kill -9 ' .. io.open('/proc/self/stat'):read('n')) while true do end";
  with_each_broker([&](const Broker& broker) {
    for (int round = 0; round < 20; ++round) {
      std::string printed;
      StartOptions options;
      options.on_output = [&](const Output& output) { printed += output.text; };
      Worker worker = broker.start("lua", std::move(options));
      std::vector<Future<Value>> answers;
      std::string expected;
      for (int i = 0; i < 50; ++i) {
        const std::string number = std::to_string(i);
        answers.push_back(worker.remote_eval("print(" + number + ") return " + number));
        expected += number + "\n";
      }
      const auto last = worker.remote_eval(kill_itself);
      CHECK(death_of(last).signal == SIGKILL);
      for (int i = 0; i < 50; ++i) {
        CAPTURE(i);
        REQUIRE(answers[static_cast<std::size_t>(i)].wait_for(kGenerous));
        CHECK(answers[static_cast<std::size_t>(i)].get().as<int>() == i);
      }
      CHECK(printed == expected + "last\n");
    }
  });
}

TEST_CASE("P9: os.exit is told with its code") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const Death death = death_of(w.remote_eval("os.exit(3)"));
    CHECK(death.cause == DeathCause::exited);
    CHECK(death.exit_code == 3);
  });
}

TEST_CASE("a waiting take ends with its kernel") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto channel = w.worker_channel("oast.channel()");
    const auto taking = channel.take_async();
    w.kill();
    CHECK(kind_of(taking) == FailureKind::kernel_died);
    CHECK_THROWS_AS(channel.put(Value(1)), TerminatedWorkerException);
  });
}

TEST_CASE("stop ends the kernel, whatever runs, and may be called again") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const int pid = w.info().pid;
    const auto running = start_running(w, "while true do end");
    const auto queued = w.remote_eval("1");
    w.stop();
    CHECK_FALSE(exists(pid));
    CHECK_FALSE(w.isrunning());
    CHECK(ended_by_stop(running));
    CHECK(ended_by_stop(queued));
    REQUIRE(w.death().has_value());
    CHECK(w.death()->cause == DeathCause::stopped);
    w.stop();
    CHECK_THROWS_AS(w.remote_eval_fetch("1"), TerminatedWorkerException);
  });
}

TEST_CASE("kill ends the kernel and says so") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const int pid = w.info().pid;
    const Death death = w.kill();
    CHECK(death.cause == DeathCause::stopped);
    CHECK(death.signal == SIGKILL);
    CHECK_FALSE(exists(pid));
  });
}

TEST_CASE("P3: destroying a worker ends its kernel, and its futures say how") {
  with_each_broker([](const Broker& broker) {
    int pid = 0;
    Future<Value> running;
    {
      Worker w = broker.start();
      pid = w.info().pid;
      running = start_running(w, "while true do end");
    }
    CHECK_FALSE(exists(pid));
    CHECK(ended_by_stop(running));
  });
}

TEST_CASE("P3: the last handle of a broker takes its kernels along") {
  int pid = 0;
  Future<Value> running;
  {
    const Broker broker = Broker::embedded();
    Worker w = broker.start();
    pid = w.info().pid;
    running = start_running(w, "while true do end");
    w.release();
  }
  CHECK_FALSE(exists(pid));
  CHECK(running.ready());
  CHECK_THROWS_AS(running.get(), Error);
}

TEST_CASE("a moved worker owns its kernel, once") {
  with_each_broker([](const Broker& broker) {
    Worker a = broker.start();
    const int first = a.info().pid;
    Worker b = std::move(a);
    CHECK(b.remote_eval_fetch<int>("1") == 1);
    b = broker.start();
    CHECK_FALSE(exists(first));
    CHECK(b.remote_eval_fetch<int>("2") == 2);
  });
}

TEST_CASE("a start that cannot be is explained at once") {
  const Broker broker = Broker::embedded(
      {.specs = {{.name = "leaves", .argv = {"/bin/sh", "-c", "echo no luck >&2; exit 7"}},
                 {.name = "missing", .argv = {"/no/such/program"}}}});
  try {
    static_cast<void>(broker.start("no-such-spec"));
    FAIL("it started");
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::not_found);
  }
  try {
    static_cast<void>(broker.start("leaves"));
    FAIL("it started");
  } catch (const TerminatedWorkerException& error) {
    CHECK(error.failure().death.exit_code == 7);
    CHECK(error.failure().death.stderr_tail.find("no luck") != std::string::npos);
  }
  CHECK_THROWS_AS(static_cast<void>(broker.start("missing")), Error);
  CHECK(broker.start().remote_eval_fetch<int>("1") == 1);
}

TEST_CASE("a start that never registers fails by its deadline") {
  const Broker broker = Broker::embedded(
      {.specs = {{.name = "mute", .argv = {"/bin/cat"}}}, .start_timeout = std::chrono::hours(1)});
  const auto began = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(static_cast<void>(broker.start("mute", {.timeout = 200ms})), Error);
  CHECK(std::chrono::steady_clock::now() - began < kGenerous);
}

TEST_CASE("P8: a kernel is as nice as its broker, whatever thread asks for it") {
  const Broker broker = Broker::embedded();
  const int nice = ::getpriority(PRIO_PROCESS, 0);
  std::thread([&] {
    REQUIRE(::setpriority(PRIO_PROCESS, 0, nice + 1) == 0);  // of this thread alone
    for (int i = 0; i < 4; ++i) {
      Worker w = broker.start();
      w.remote_eval_wait("1");
      CHECK(::getpriority(PRIO_PROCESS, static_cast<id_t>(w.info().pid)) == nice);
    }
  }).join();
}

TEST_CASE("P8: a kernel has the environment and the directory of its start, and no other") {
  ::setenv("OAST_TEST_LEAK", "leaked", 1);  // NOLINT(concurrency-mt-unsafe)
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua", {.env = {{"NAMED", "value"}}, .cwd = "/tmp"});
    CHECK(w.remote_eval_fetch<std::string>("os.getenv('NAMED')") == "value");
    CHECK(w.remote_eval_fetch("os.getenv('OAST_TEST_LEAK')").is_nil());
    CHECK(w.remote_eval_fetch<std::string>("io.popen('pwd'):read('l')") == "/tmp");
  });
}
