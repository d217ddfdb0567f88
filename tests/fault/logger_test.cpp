// A daemon whose stderr nobody reads.
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "broker_fixture.hpp"
#include "daemon_process.hpp"

using namespace oast;
using namespace oast::test;

namespace {

/// An oast-broker that writes to a pipe of 4 KiB.
class LoggingDaemon {
 public:
  LoggingDaemon() { read_until("ready in"); }

  std::filesystem::path directory() const { return scratch_.path() / "b"; }
  std::string endpoint(const char* name) const { return "ipc://" + (directory() / name).string(); }
  /// Reads stderr until it says so; fails the test at its end.
  void read_until(const std::string& wanted) {
    REQUIRE(test::read_until(process_.err().get(), wanted));
  }
  void stop_reading() { process_.err().reset(); }
  /// Ends it in the orderly way; false when it does not end, or not with code 0.
  bool end() {
    process_.signal(SIGTERM);
    return process_.wait_generously() == 0;
  }

 private:
  const ScratchDirectory scratch_;
  Process process_{"oast-broker", broker_arguments(directory()), {.err = true, .err_bytes = 4096}};
};

/// Each is a line of the log.
void be_refused(zmq::context_t& context, const LoggingDaemon& daemon, int times) {
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
  LoggingDaemon daemon;
  be_refused(context, daemon, 3000);
  std::jthread more([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) be_refused(context, daemon, 1);
  });
  daemon.read_until("OB601");
}

TEST_CASE("P4: a broker whose log nobody reads ends when it is told to") {
  zmq::context_t context;
  LoggingDaemon daemon;
  be_refused(context, daemon, 3000);
  CHECK(daemon.end());
}

TEST_CASE("P4: a broker whose log's reader has gone ends in the orderly way") {
  LoggingDaemon daemon;
  daemon.stop_reading();
  REQUIRE(std::filesystem::exists(daemon.directory() / "control.sock"));
  CHECK(daemon.end());
  CHECK(!std::filesystem::exists(daemon.directory() / "control.sock"));
}
