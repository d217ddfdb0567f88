// Hosts and brokers that are stopped and continued, as by Ctrl-Z, or by a machine that sleeps.
#include <csignal>
#include <string>
#include <thread>

#include "line_process.hpp"
#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kConfig = R"({"heartbeat_ms": 50, "heartbeat_misses": 16})";
constexpr auto kLongerThanMayBeSilent = 1200ms;

struct Pair {
  Pair() { REQUIRE(host.line() == "ready"); }
  Daemon daemon{kConfig};
  LineProcess host{"oast-line-host", {daemon.directory().string()}};
};

void stop(pid_t pid) {
  ::kill(pid, SIGSTOP);
  eventually([&] { return all_stopped(pid); }, "every thread of it has stopped");
}

}  // namespace

TEST_CASE("P1: a host that was stopped for longer than its broker may be silent goes on") {
  Pair pair;
  for (int round = 0; round < 3; ++round) {
    stop(pair.host.pid());
    std::this_thread::sleep_for(kLongerThanMayBeSilent);
    ::kill(pair.host.pid(), SIGCONT);
    REQUIRE(pair.host.ask("eval 1+1") == "2");
  }
}

TEST_CASE("P1: a broker and its host that were stopped together go on, whoever continues first") {
  Pair pair;
  for (const bool broker_first : {true, false}) {
    const pid_t first = broker_first ? pair.daemon.pid() : pair.host.pid();
    const pid_t second = broker_first ? pair.host.pid() : pair.daemon.pid();
    stop(first);
    stop(second);
    std::this_thread::sleep_for(kLongerThanMayBeSilent);
    ::kill(first, SIGCONT);
    std::this_thread::sleep_for(100ms);
    ::kill(second, SIGCONT);
    REQUIRE(pair.host.ask("eval 1+1") == "2");
  }
}
