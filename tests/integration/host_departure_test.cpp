// Hosts that leave, and hosts whose broker does not answer.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <future>
#include <string>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

/// Connections that a stopped process does not accept, until there is no room for another.
class FullBacklog {
 public:
  explicit FullBacklog(const std::filesystem::path& socket) {
    const std::string path = socket.string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::copy(path.begin(), path.end(), address.sun_path);
    for (;;) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      REQUIRE(fd >= 0);
      fds_.push_back(fd);
      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0)  // NOLINT
        continue;
      REQUIRE(errno == EAGAIN);
      return;
    }
  }
  ~FullBacklog() {
    for (const int fd : fds_) ::close(fd);
  }
  FullBacklog(const FullBacklog&) = delete;
  FullBacklog& operator=(const FullBacklog&) = delete;

 private:
  std::vector<int> fds_;
};

}  // namespace

TEST_CASE("P1: what a host sent before it closed is run, 200 times of 200") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  Worker kept = watcher.start("lua", {.name = "kept", .detach = true});
  kept.remote_eval_wait("n = 0");
  for (int i = 0; i < 200; ++i) daemon.connect().attach("kept").remote_do("n = n + 1");
  CHECK(kept.remote_eval_fetch<int>("n") == 200);
  kept.stop();
}

TEST_CASE("P1: many requests that want no answer are run when their host has closed meanwhile") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  Worker kept = watcher.start("lua", {.name = "kept", .detach = true});
  kept.remote_eval_wait("n = 0");
  {
    const Broker leaving = daemon.connect();
    Worker w = leaving.attach("kept");
    for (int i = 0; i < 5000; ++i) w.remote_do("n = n + 1");
  }
  CHECK(kept.remote_eval_fetch<int>("n") == 5000);
  kept.stop();
}

TEST_CASE("connect to a stopped daemon with a full backlog fails in time") {
  Daemon daemon;
  ::kill(daemon.pid(), SIGSTOP);
  eventually([&] { return all_stopped(daemon.pid()); }, "every thread of it has stopped");
  const FullBacklog backlog(daemon.directory() / "control.sock");
  auto refused = std::async(std::launch::async, [&] {
    try {
      static_cast<void>(Broker::connect(daemon.directory().string(), {.timeout = 1s}));
    } catch (const Error& error) {
      return error.kind();
    }
    return FailureKind::invalid;
  });
  const bool in_time = refused.wait_for(10s) == std::future_status::ready;
  ::kill(daemon.pid(), SIGCONT);
  CHECK(in_time);
  CHECK(refused.get() == FailureKind::disconnected);
}
