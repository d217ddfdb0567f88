// Hosts whose process ends without closing what it opened.
#include <string>

#include "line_process.hpp"
#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

void leave_twenty_times() {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  Worker kept = watcher.start("lua", {.name = "kept", .detach = true});
  kept.remote_eval_wait("n = 0");
  for (int i = 0; i < 20; ++i) {
    LineProcess host("oast-line-host", {daemon.directory().string()});
    REQUIRE(host.line() == "ready");
    REQUIRE(host.ask("leave n = n + 1").empty());
    REQUIRE(host.end() == 0);
  }
  eventually([&] { return kept.remote_eval_fetch<int>("n") == 20; }, "all of them were run");
  kept.stop();
}

}  // namespace

TEST_CASE("P1: what a host sent before it returned from main is run") { leave_twenty_times(); }
