// A daemon whose stderr nobody reads.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

/// A real oast-broker that writes to a pipe of 4 KiB. Killed when destroyed.
class Daemon {
 public:
  Daemon() {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    REQUIRE(::fcntl(pipe[1], F_SETPIPE_SZ, 4096) == 4096);
    stderr_ = pipe[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
    const auto program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "oast-broker";
    const std::string home = directory().string();
    std::array<const char*, 6> argv{program.c_str(), "--runtime-dir", home.c_str(),
                                    "--data-dir",    home.c_str(),    nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                          const_cast<char**>(argv.data()), environ) == 0);  // NOLINT
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    read_until("ready in");
  }
  ~Daemon() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (stderr_ >= 0) ::close(stderr_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::filesystem::path directory() const { return scratch_.path() / "b"; }
  std::string endpoint(const char* name) const { return "ipc://" + (directory() / name).string(); }
  /// Reads stderr until it says so, or fails the test at its end.
  void read_until(const std::string& wanted) const {
    std::string seen;
    std::array<char, 4096> chunk{};
    while (seen.find(wanted) == std::string::npos) {
      const auto got = ::read(stderr_, chunk.data(), chunk.size());
      REQUIRE(got > 0);
      seen.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }
  void stop_reading() { ::close(std::exchange(stderr_, -1)); }
  /// Ends it in the orderly way; false when it does not end, or not with code 0.
  bool end() {
    ::kill(pid_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  ScratchDirectory scratch_;
  pid_t pid_ = -1;
  int stderr_ = -1;
};

/// Each is a line of the log.
void be_refused(zmq::context_t& context, const Daemon& daemon, int times) {
  auto stranger = dealer(context, daemon.endpoint("control.sock"));
  wire::HelloT hello;
  hello.token = "wrong";
  for (int i = 0; i < times; ++i) {
    send(stranger, PeerId{}, 1, hello);
    REQUIRE(next(stranger).packet.root().body_as_Failure() != nullptr);
  }
}

}  // namespace

TEST_CASE("P4: a broker whose log nobody reads serves on, and tells later how much was lost") {
  zmq::context_t context;
  const Daemon daemon;
  be_refused(context, daemon, 3000);
  std::jthread more([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) be_refused(context, daemon, 1);
  });
  daemon.read_until("OB601");
}

TEST_CASE("P4: a broker whose log nobody reads ends when it is told to") {
  zmq::context_t context;
  Daemon daemon;
  be_refused(context, daemon, 3000);
  CHECK(daemon.end());
}

TEST_CASE("P4: a broker whose log's reader has gone ends in the orderly way") {
  Daemon daemon;
  daemon.stop_reading();
  REQUIRE(std::filesystem::exists(daemon.directory() / "control.sock"));
  CHECK(daemon.end());
  CHECK(!std::filesystem::exists(daemon.directory() / "control.sock"));
}
