// Hosts of a daemon: finding it, sharing kernels, watching, and losing it.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

TEST_CASE("where no broker lives, connect says so and what to do") {
  const auto nowhere = std::filesystem::temp_directory_path() / "oast-no-broker-here";
  try {
    static_cast<void>(Broker::connect(nowhere.string()));
    FAIL("it connected");
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::not_found);
    CHECK(std::string(error.what()).find("oast broker") != std::string::npos);
  }
  CHECK(refusal([] { static_cast<void>(Broker::connect("no-broker-of-this-name")); }) ==
        FailureKind::not_found);
}

TEST_CASE("where a broker was killed, connect says that none lives there") {
  Daemon daemon;
  const auto token = daemon.directory() / "token";
  REQUIRE(std::filesystem::exists(token));
  daemon.end(SIGKILL);
  REQUIRE(std::filesystem::exists(token));
  CHECK(refusal([&] { static_cast<void>(daemon.connect()); }) == FailureKind::not_found);
}

TEST_CASE("P7: a wrong token is refused") {
  const Daemon daemon;
  std::string right;
  std::ifstream(daemon.directory() / "token") >> right;
  std::string wrong = right;
  wrong[0] = wrong[0] == '0' ? '1' : '0';
  std::ofstream(daemon.directory() / "token") << wrong << '\n';
  CHECK(refusal([&] { static_cast<void>(daemon.connect()); }) == FailureKind::permission_denied);
  std::ofstream(daemon.directory() / "token") << right << '\n';
  CHECK(daemon.connect().connected());
}

TEST_CASE("hosts find each other's kernels by name and by number, and share them") {
  const Daemon daemon;
  const Broker one = daemon.connect();
  const Broker two = daemon.connect();
  CHECK(one.self() != two.self());
  Worker mine = one.start("lua", {.name = "shared"});
  mine.remote_eval_wait("x = 42");
  {
    Worker theirs = two.attach("shared");
    CHECK(theirs.id() == mine.id());
    CHECK(theirs.remote_eval_fetch<int>("x") == 42);
    CHECK(two.attach(std::to_string(mine.id().value)).name() == "shared");
  }
  CHECK(mine.remote_eval_fetch<int>("x") == 42);  // who attached does not take it along
  CHECK(refusal([&] { static_cast<void>(two.attach("nobody")); }) == FailureKind::not_found);
  CHECK(refusal([&] { static_cast<void>(two.attach(KernelId{99999})); }) == FailureKind::not_found);
  CHECK(refusal([&] { static_cast<void>(two.start("lua", {.name = "shared"})); }) ==
        FailureKind::invalid);
}

TEST_CASE("list shows every kernel with its owner, and the dead for a while") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  const Worker a = broker.start("lua", {.name = "a"});
  Worker b = broker.start("lua", {.name = "b", .detach = true});
  const auto all = broker.list();
  REQUIRE(all.size() == 2);
  const auto find = [](const std::vector<KernelInfo>& list, const std::string& name) {
    return *std::find_if(list.begin(), list.end(),
                         [&](const KernelInfo& info) { return info.name == name; });
  };
  CHECK(find(all, "a").owner == broker.self());
  CHECK(find(all, "a").pid > 0);
  CHECK(find(all, "a").id == a.id());
  CHECK(find(all, "b").detached);
  CHECK_FALSE(find(all, "b").owner);
  b.kill();
  const auto later = broker.list();
  CHECK(find(later, "b").state == KernelState::dead);
  REQUIRE(find(later, "b").death.has_value());
  CHECK(find(later, "b").death->signal == SIGKILL);
}

TEST_CASE("specs names lua and what it runs") {
  const Daemon daemon;
  const auto specs = daemon.connect().specs();
  const auto lua = std::find_if(specs.begin(), specs.end(),
                                [](const SpecInfo& spec) { return spec.name == "lua"; });
  REQUIRE(lua != specs.end());
  CHECK(lua->problem.empty());
  CHECK_FALSE(lua->argv.empty());
}

TEST_CASE("a detached kernel survives its host, an owned one does not") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  int owned = 0;
  {
    const Broker host = daemon.connect();
    Worker kept = host.start("lua", {.name = "kept", .detach = true});
    kept.remote_eval_wait("x = 1");
    Worker lost = host.start("lua", {.name = "lost"});
    owned = lost.info().pid;
    lost.release();
  }
  eventually([&] { return !exists(owned); }, "the owned kernel is gone");
  Worker kept = watcher.attach("kept");
  CHECK(kept.remote_eval_fetch<int>("x") == 1);
  kept.stop();
}

TEST_CASE("watch tells of starts, heartbeats and deaths until it is reset") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  std::mutex mutex;
  std::vector<KernelEvent> seen;
  const auto saw = [&](const auto& fact) {
    const std::lock_guard lock(mutex);
    return std::any_of(seen.begin(), seen.end(), fact);
  };
  Subscription subscription = broker.watch([&](const KernelEvent& event) {
    const std::lock_guard lock(mutex);
    seen.push_back(event);
  });
  Worker w = broker.start("lua", {.name = "watched"});
  eventually(
      [&] {
        return saw([&](const KernelEvent& event) {
          return event.change == KernelEvent::Change::heartbeat && event.info.id == w.id() &&
                 event.info.heartbeat_ms >= 0 && event.info.rss_bytes > 0;
        });
      },
      "a heartbeat with its figures");
  w.kill();
  eventually(
      [&] {
        return saw([&](const KernelEvent& event) {
          return event.change == KernelEvent::Change::state &&
                 event.info.state == KernelState::dead && event.info.death.has_value();
        });
      },
      "the death");
  subscription.reset();
  subscription.reset();
}

TEST_CASE("a watch may be ended by its own callback") {
  const Broker broker = Broker::embedded({.heartbeat = 20ms});
  Event ended;
  auto subscription = std::make_shared<Subscription>();
  std::atomic<bool> once{false};
  *subscription = broker.watch([&, subscription](const KernelEvent&) {
    if (once.exchange(true)) return;
    subscription->reset();
    ended.set();
  });
  const Worker w = broker.start();
  ended.wait();
}

TEST_CASE("P1: SIGKILL of the daemon ends every open request with disconnected") {
  Daemon daemon;
  const Broker broker = daemon.connect();
  Worker w = broker.start();
  std::vector<Future<Value>> futures;
  futures.push_back(start_running(w, "while true do end"));
  for (int i = 0; i < 100; ++i) futures.push_back(w.remote_eval("1"));
  daemon.end(SIGKILL);
  for (const auto& future : futures) REQUIRE(kind_of(future) == FailureKind::disconnected);
  CHECK_FALSE(broker.connected());
  CHECK_FALSE(w.isrunning());
  CHECK(refusal([&] { w.remote_eval_fetch("1"); }) == FailureKind::disconnected);
  CHECK(refusal([&] { broker.list(); }) == FailureKind::disconnected);
  CHECK(refusal([&] { w.remote_do("1"); }) == FailureKind::disconnected);
}

TEST_CASE("P1: a daemon that hangs counts as gone when its heartbeats stop") {
  Daemon daemon;
  const Broker broker = daemon.connect();
  Worker w = broker.start();
  ::kill(daemon.pid(), SIGSTOP);
  eventually([&] { return all_stopped(daemon.pid()); }, "every thread of it has stopped");
  CHECK(kind_of(w.remote_eval("1")) == FailureKind::disconnected);
  ::kill(daemon.pid(), SIGCONT);
}
