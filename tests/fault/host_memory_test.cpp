// Hosts that have little memory, and what they keep of it.
#include <csignal>
#include <string>

#include "line_process.hpp"
#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;

TEST_CASE("P1: an answer for which a host has no memory costs its request, and not the host") {
  const Daemon daemon;
  LineProcess host("oast-line-host", {daemon.directory().string()});
  REQUIRE(host.line() == "ready");
  REQUIRE(host.ask("eval numbers = {} for i = 1, 3000000 do numbers[i] = i end return 1") == "1");
  REQUIRE(host.ask("room 150") == "limited");
  for (int i = 0; i < 3; ++i) {
    CHECK(host.ask("eval numbers") == "std::bad_alloc");
    CHECK(host.ask("eval 1 + 1") == "2");
  }
  CHECK(host.end() == 0);
}

TEST_CASE("the memory of large answers goes back to the system once they are dropped") {
  const Daemon daemon;
  LineProcess host("oast-line-host", {daemon.directory().string()});
  REQUIRE(host.line() == "ready");
  REQUIRE(std::stoi(host.ask("lose 300")) > 300);
  eventually([&] { return std::stoi(host.ask("rss")) < 100; }, "it has less than 100 MiB");
}
