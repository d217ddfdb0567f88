// Brokers that run out of descriptors, or nearly.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "line_process.hpp"
#include "oast/fd.hpp"
#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

class LimitHost : public LineProcess {
 public:
  explicit LimitHost(std::vector<std::string> limits)
      : LineProcess("oast-limit-host", std::move(limits)), directory_(line()) {}
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

/// Connects and says nothing.
std::vector<Fd> idle_connections(const std::filesystem::path& path, int count) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path.string(), address.sun_path);
  std::vector<Fd> result;
  for (int i = 0; i < count; ++i) {
    const auto& fd = result.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  return result;
}

bool answers(const std::filesystem::path& directory) try {
  return Broker::connect(directory.string(), {.name = "newcomer"}).list().size() == 1;
} catch (const Error&) {
  return false;
}

struct IgnoreSigpipe {
  IgnoreSigpipe() { std::signal(SIGPIPE, SIG_IGN); }
} const ignore_sigpipe;

}  // namespace

TEST_CASE("P4: idle connections beyond the descriptors cost neither the host nor its kernels") {
  LimitHost host({"64", "64"});
  REQUIRE(host.ask("eval") == "1 answered");
  {
    const auto control = idle_connections(host.directory() / "control.sock", 70);
    const auto data = idle_connections(host.directory() / "data.sock", 20);
    const auto events = idle_connections(host.directory() / "events.sock", 20);
    for (int i = 0; i < 20; ++i) REQUIRE(host.ask("eval") == "1 answered");
  }
  // They are gone, and newcomers come in again.
  eventually([&] { return answers(host.directory()); }, "a newcomer is admitted");
  CHECK(host.ask("eval") == "1 answered");
  CHECK(host.end() == 0);
}

TEST_CASE("P4: connections that never say Hello are closed, and make room for those that do") {
  LimitHost host({"64", "64"});
  const auto idle = idle_connections(host.directory() / "control.sock", 70);
  eventually([&] { return answers(host.directory()); }, "a newcomer is admitted");
  CHECK(host.ask("eval") == "1 answered");
}

TEST_CASE("P4: a host that has opened all descriptors itself lives on when peers connect") {
  LimitHost host({"64", "64"});
  REQUIRE(host.ask("hog") == "hogged");
  const auto idle = idle_connections(host.directory() / "control.sock", 20);
  // All were taken and closed, by a process without a descriptor.
  for (const auto& fd : idle) {
    pollfd closed{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&closed, 1, 60'000) == 1);
  }
  CHECK(host.ask("eval") == "1 answered");
  CHECK(host.ask("start").starts_with("overloaded"));
  REQUIRE(host.ask("release") == "released");
  eventually([&] { return answers(host.directory()); }, "a newcomer is admitted");
  CHECK(host.ask("start") == "started");
  CHECK(host.end() == 0);
}

TEST_CASE("P4: a start beyond the descriptors is overloaded, and the kernels that run go on") {
  LimitHost host({"64", "64"});
  int kernels = 1;
  // Again afterwards: one more may fit, once descriptors that a start needs for a while are free.
  for (int round = 0; round < 2; ++round) {
    std::string answer;
    while ((answer = host.ask("start")) == "started") REQUIRE(++kernels < 30);
    CHECK_MESSAGE(answer.starts_with("overloaded"), answer);
    CHECK_MESSAGE(answer.find("ulimit -n") != std::string::npos, answer);
    CHECK(kernels > 2);
    CHECK(host.ask("eval") == std::to_string(kernels) + " answered");
  }
  CHECK(host.end() == 0);
}

TEST_CASE(
    "P4: of a burst of starts those that are admitted register, and the host has descriptors") {
  LimitHost host({"200", "200"});
  const std::string answer = host.ask("burst");
  const int started = std::stoi(answer);
  CHECK(started > 5);
  CHECK(started < 100);
  CHECK(answer == std::to_string(started) + " started, " + std::to_string(100 - started) +
                      " overloaded, failed:, not opened: 0");
  CHECK(host.ask("eval") == std::to_string(started + 1) + " answered");
  CHECK(host.end() == 0);
}

TEST_CASE("Three hundred kernels run at the default limit of descriptors") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
#ifdef OAST_SLOW
  const int wanted = 30;
#else
  // The soft limit is raised, the hard one is the administrator's.
  const int wanted = limit.rlim_max >= 2048 ? 300 : static_cast<int>(limit.rlim_max / 8);
#endif
  LimitHost host({std::to_string(std::min<rlim_t>(limit.rlim_max, 1024))});
  for (int i = 1; i < wanted; ++i) REQUIRE(host.ask("start") == "started");
  CHECK(host.ask("eval") == std::to_string(wanted) + " answered");
  CHECK(host.end() == 0);
}
