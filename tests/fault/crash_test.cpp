// Hosts and brokers that are killed, and what is left of what they started: nothing.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

/// A real oast-fault-host process; killed when destroyed.
class Host {
 public:
  /// `code`, of Lua, runs in each of its kernels first.
  explicit Host(int kernels, const std::string& broker = {}, const std::string& code = {})
      : process_("oast-fault-host", {std::to_string(kernels), broker, code},
                 {.in = true, .out = true}) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(
        ::fdopen(process_.out().release(), "r"), &std::fclose);
    int kernel = 0;
    int child = 0;
    while (std::fscanf(out.get(), "%d %d\n", &kernel, &child) == 2) {  // NOLINT(cert-err34-c)
      pids_.push_back(kernel);
      pids_.push_back(child);
    }
  }

  void end(int signal) {
    process_.signal(signal);
    process_.wait();
  }
  pid_t pid() const { return process_.pid(); }
  /// Of its kernels and of the children of those.
  const std::vector<pid_t>& pids() const { return pids_; }

 private:
  Process process_;
  std::vector<pid_t> pids_;
};

/// The kernel's launcher, and the guard above it.
const std::string kParents = R"lua(
  local function parent_of(pid)
    local file = io.open('/proc/' .. pid .. '/stat')
    local text = file:read('a')
    file:close()
    return math.tointeger(tonumber(text:match('.*%) %S (%d+)')))
  end
  local launcher = parent_of('self')
  local guard = parent_of(launcher)
  local function signal(name, ...)
    os.execute('kill -' .. name .. ' ' .. table.concat({...}, ' '))
  end
)lua";

bool all_live(const std::vector<pid_t>& pids) {
  return std::all_of(pids.begin(), pids.end(), lives);
}
bool none_lives(const std::vector<pid_t>& pids) {
  return std::none_of(pids.begin(), pids.end(), lives);
}

/// A runtime directory of this test's own, so that no broker of another one comes and goes there.
class RuntimeRoot {
 public:
  RuntimeRoot() {
    if (const char* before = ::getenv("XDG_RUNTIME_DIR")) before_ = before;
    ::setenv("XDG_RUNTIME_DIR", scratch_.path().c_str(), 1);
  }
  ~RuntimeRoot() {
    if (before_)
      ::setenv("XDG_RUNTIME_DIR", before_->c_str(), 1);
    else
      ::unsetenv("XDG_RUNTIME_DIR");
  }
  RuntimeRoot(const RuntimeRoot&) = delete;
  RuntimeRoot& operator=(const RuntimeRoot&) = delete;

  std::string file(const std::string& name) const { return scratch_.file(name); }

 private:
  const ScratchDirectory scratch_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("P3: no kernel nor child of one survives a SIGKILLed host with an embedded broker") {
  const RuntimeRoot root;
  Host host(3);
  REQUIRE(host.pids().size() == 6);
  REQUIRE(all_live(host.pids()));
  host.end(SIGKILL);
  eventually([&] { return none_lives(host.pids()); }, "all are gone");
  // Of its broker nobody is left to remove the sockets, but the next one does.
  const Broker next = Broker::embedded();
  for (const auto& entry : std::filesystem::directory_iterator(runtime_root()))
    CHECK(entry.path() == next.directory());
}

TEST_CASE("P3: what a SIGKILLed embedding host leaves is gone within a second") {
  const RuntimeRoot root;
  Host host(3);
  REQUIRE(all_live(host.pids()));
  const auto killed = std::chrono::steady_clock::now();
  host.end(SIGKILL);
  eventually([&] { return none_lives(host.pids()); }, "all are gone");
  // Twice the promise, for machines with much else to do.
  CHECK(std::chrono::steady_clock::now() - killed < 2s);
}

TEST_CASE("P3: a kernel that stopped the processes that watch it ends with its SIGKILLed host") {
  const RuntimeRoot root;
  for (const char* stopped : {"launcher", "guard", "guard, launcher"}) {
    CAPTURE(stopped);
    Host host(1, {}, kParents + "signal('STOP', " + stopped + ")");
    REQUIRE(host.pids().size() == 2);
    host.end(SIGKILL);
    eventually([&] { return none_lives(host.pids()); }, "all are gone");
  }
}

TEST_CASE("P3: what a kernel started ends with it, also when it kills its launcher") {
  const RuntimeRoot root;
  const Broker broker = Broker::embedded();
  for (const char* killed : {"launcher", "guard"}) {
    CAPTURE(killed);
    auto worker = broker.start("lua");
    // In sessions of their own, deaf to SIGHUP, of parents that are gone, deaf to SIGTERM.
    const auto pids = worker.remote_eval_fetch<std::vector<std::int64_t>>(R"lua(
      local pipe = io.popen[[
        self='echo $$; exec sleep 1000 >/dev/null 2>&1'
        setsid sh -c "$self" &
        nohup sh -c "$self" 2>/dev/null &
        (setsid sh -c "$self" &)
        (trap '' TERM; exec sh -c "$self") &]]
      local pids = {}
      for i = 1, 4 do pids[i] = pipe:read('n') end
      return pids)lua");
    std::vector<pid_t> children(pids.begin(), pids.end());
    REQUIRE(children.size() == 4);
    REQUIRE(all_live(children));
    children.push_back(worker.info().pid);
    const auto end =
        worker.remote_eval(kParents + "signal('KILL', " + killed + ") while true do end");
    CHECK(kind_of(end) == FailureKind::kernel_died);
    CHECK(none_lives(children));
  }
}

TEST_CASE("P9: a host that ignores or awaits its children neither sees nor robs a kernel") {
  const RuntimeRoot root;
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGCHLD, &ignore, &before) == 0);
  {
    const Broker broker = Broker::embedded();
    auto worker = broker.start("lua");
    errno = 0;
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
    const auto end = worker.remote_eval("os.exit(7)");
    REQUIRE(end.wait_for(kGenerous));
    try {
      end.get();
      FAIL("it did not die");
    } catch (const TerminatedWorkerException& death) {
      CHECK(death.failure().death.exit_code == 7);
    }
  }
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_CASE("P3: no kernel nor child of one survives a SIGKILLed host of a daemon") {
  const Daemon daemon;
  Host host(3, daemon.directory());
  Host bystander(1, daemon.directory());
  REQUIRE(all_live(host.pids()));
  host.end(SIGKILL);
  eventually([&] { return none_lives(host.pids()); }, "all are gone");
  CHECK(all_live(bystander.pids()));
}

TEST_CASE("P3: no kernel nor child of one survives a SIGKILLed daemon beyond its grace") {
  Daemon daemon;
  Host host(3, daemon.directory());
  REQUIRE(all_live(host.pids()));
  daemon.end(SIGKILL);
  eventually([&] { return none_lives(host.pids()); }, "all are gone");
}

TEST_CASE("P3: a daemon that is asked to end takes all its kernels along, detached ones too") {
  Daemon daemon;
  Host host(2, daemon.directory());
  const Broker broker = daemon.connect();
  auto detached = broker.start("lua", {.detach = true});
  auto pids = host.pids();
  pids.push_back(detached.info().pid);
  REQUIRE(all_live(pids));
  daemon.end(SIGTERM);  // returns when it has ended
  CHECK(none_lives(pids));
  CHECK_FALSE(std::filesystem::exists(daemon.directory() / "control.sock"));
}

TEST_CASE("P3: a stopped host keeps its kernels") {
  const Daemon daemon;
  Host host(1, daemon.directory());
  const Broker broker = daemon.connect();
  REQUIRE(::kill(host.pid(), SIGSTOP) == 0);
  // Heartbeats are missed for longer than the limit: a detached kernel's clock tells.
  auto clock = broker.start("lua");
  clock.remote_eval_wait("local t = os.time() while os.time() - t < 7 do end");
  CHECK(all_live(host.pids()));
  ::kill(host.pid(), SIGCONT);
}

TEST_CASE("Two daemons, ten hosts and fifty kernels work at once, and leave nobody") {
  std::vector<pid_t> pids;
  {
    const std::array<Daemon, 2> daemons;
    std::vector<std::unique_ptr<Host>> hosts;
    for (std::size_t i = 0; i < 10; ++i)
      hosts.push_back(std::make_unique<Host>(4, daemons[i % 2].directory()));
    std::vector<Worker> workers;
    for (std::size_t i = 0; i < 10; ++i) workers.push_back(daemons[i % 2].connect().start("lua"));
    for (const auto& host : hosts)
      pids.insert(pids.end(), host->pids().begin(), host->pids().end());
    REQUIRE(pids.size() == 80);
    CHECK(all_live(pids));
    for (const auto& daemon : daemons) CHECK(daemon.connect().list().size() == 25);

    std::vector<Future<Value>> answers;
    for (int round = 0; round < 100; ++round)
      for (auto& worker : workers)
        answers.push_back(worker.remote_eval("n = (n or 0) + 1 return n"));
    for (std::size_t i = 0; i < answers.size(); ++i)
      CHECK(answers[i].get().as<std::size_t>() == i / workers.size() + 1);

    hosts[0]->end(SIGKILL);
    eventually([&] { return none_lives(hosts[0]->pids()); }, "the killed host's kernels are gone");
    CHECK(all_live(hosts[2]->pids()));
    CHECK(workers[0].remote_eval_fetch<int>("return n") == 100);
  }
  eventually([&] { return none_lives(pids); }, "all are gone");
}

TEST_CASE("P1: under kills at random moments every request ends exactly once, as it went") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  const RuntimeRoot scratch;
  constexpr std::size_t kRounds = 20;
  constexpr std::size_t kRequests = 200;
  std::size_t deaths = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    auto worker = broker.start("lua");
    // What ran, as the file system knows it.
    const std::string ran = scratch.file("ran");
    std::filesystem::remove(ran);
    worker.remote_eval_wait("ran = io.open('" + ran + "', 'w') ran:setvbuf('no')");
    std::array<std::atomic<int>, kRequests> ended{};
    std::vector<Future<Value>> futures;
    for (std::size_t i = 0; i < kRequests; ++i) {
      const std::string number = std::to_string(i + 1);
      futures.push_back(worker.remote_eval("ran:write('" + number +
                                           "\\n') for i = 1, 2000 do end return " + number));
      futures.back().then([&ended, i](const Future<Value>&) { ++ended[i]; });
      // A different moment each round, by progress and not by time.
      if (i == round * kRequests / kRounds) ::kill(worker.info().pid, SIGKILL);
    }
    std::size_t values = 0;
    for (std::size_t i = 0; i < kRequests; ++i) {
      REQUIRE(futures[i].wait_for(kGenerous));
      try {
        const auto value = futures[i].get().as<std::size_t>();
        CHECK(value == i + 1);
        CHECK(values == i);  // none after the first that died
        ++values;
      } catch (const TerminatedWorkerException& death) {
        ++deaths;
        CHECK(death.failure().death.signal_name == "SIGKILL");
      }
    }
    std::ifstream file(ran);
    std::size_t wrote = 0;
    for (std::size_t number = 0; file >> number; ++wrote) CHECK(number == wrote + 1);
    // The last one may have been killed between what it wrote and its reply; no other was.
    CHECK(wrote >= values);
    CHECK(wrote <= values + 1);
    worker.kill();
    // A continuation may still run when its future is ready.
    const auto begun = [](const std::atomic<int>& count) { return count > 0; };
    eventually([&] { return std::all_of(ended.begin(), ended.end(), begun); }, "all have ended");
    for (const auto& count : ended) CHECK(count == 1);
  }
  CHECK(deaths > 0);
}

TEST_CASE("P6: control is answered while data floods both ways, which goes on all the while") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  auto talker = broker.start("lua");
  auto taker = broker.start("lua");
  auto busy = broker.start("lua");
  std::atomic<std::uint64_t> out = 0;
  EvalOptions options;
  options.on_output = [&out](const Output& output) { out += output.text.size(); };
  const auto endless =
      talker.remote_eval("while true do print(('x'):rep(10000)) end", std::move(options));
  std::atomic<bool> enough = false;
  std::atomic<std::uint64_t> in = 0;
  std::thread sender([&] {
    const std::string megabytes(4 << 20, 'x');
    while (!enough) {
      std::vector<Future<Value>> some;
      for (int i = 0; i < 4; ++i) some.push_back(taker.remote_call("string.rep", {megabytes, 1}));
      for (auto& future : some) in += future.get().as<std::string>().size();
    }
  });
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t out_before = out;
    const std::uint64_t in_before = in;
    const auto loop = start_running(busy, "while true do end");
    CHECK(broker.list().size() == 3);
    CHECK(busy.interrupt({.timeout = kGenerous}) == InterruptOutcome::interrupted);
    CHECK(kind_of(loop) == FailureKind::interrupted);
    CHECK_FALSE(endless.ready());
    eventually([&] { return out > out_before && in > in_before; }, "data flows on");
  }
  enough = true;
  sender.join();
  CHECK(talker.interrupt() == InterruptOutcome::interrupted);
  CHECK(kind_of(endless) == FailureKind::interrupted);
}
