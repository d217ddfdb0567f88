// A broker whose kernel specs lie on a file system that does not answer.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

std::atomic<bool> disk_hangs = false;
std::atomic<int> waiting_for_disk = 0;  // calls that wait

/// What open does with files of the spec `hung` while `disk_hangs`.
void wait_like_a_disk(const char* path) {
  if (!std::string_view(path).ends_with("/hung/oast.json")) return;
  ++waiting_for_disk;
  while (disk_hangs) ::usleep(1000);
  --waiting_for_disk;
}

/// The file system does not answer while this lives.
struct DiskHang {
  DiskHang() { disk_hangs = true; }
  ~DiskHang() { disk_hangs = false; }
  DiskHang(const DiskHang&) = delete;
  DiskHang& operator=(const DiskHang&) = delete;
  static void wait() {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    while (waiting_for_disk == 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    REQUIRE(waiting_for_disk > 0);
  }
};

/// $OAST_SPECS with one spec, `hung`.
struct Files {
  Files() {
    std::filesystem::create_directories(scratch.path() / "hung");
    std::ofstream(scratch.path() / "hung" / "oast.json") << R"({"argv": ["/bin/sleep", "1000"]})";
    ::setenv("OAST_SPECS", scratch.path().c_str(), 1);
  }
  ~Files() { ::unsetenv("OAST_SPECS"); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ScratchDirectory scratch;
};

std::size_t kernels(wire::Connection& host) {
  send(host.control, PeerId{}, 99, wire::ListT{});
  const auto answer = next_answer(host.control);
  REQUIRE(answer.packet.root().body_as_Listing() != nullptr);
  const auto* listed = answer.packet.root().body_as_Listing()->kernels();
  return listed == nullptr ? 0 : listed->size();
}

}  // namespace

/// In the place of the C library's.
extern "C" int open(const char* path, int flags, ...) {
  static const auto real =
      reinterpret_cast<int (*)(const char*, int, ...)>(::dlsym(RTLD_NEXT, "open"));
  std::va_list more;
  va_start(more, flags);
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  wait_like_a_disk(path);
  return real(path, flags, mode);
}

TEST_CASE("P4: a spec that cannot be read holds nobody up, and its start can be taken back") {
  const Files files;
  BrokerFixture f({spec("broken", {"/bin/sh", "-c", "exit 3"})});
  auto host = f.host();
  auto other = f.host();
  const DiskHang disk_hang;
  send(host.control, PeerId{}, 1, start_message("hung", "mine"));
  DiskHang::wait();
  CHECK(kernels(other) == 1);
  // One that the broker was made with is started meanwhile.
  send(other.control, PeerId{}, 2, start_message("broken"));
  CHECK(failure_of(next_answer(other.control)).message.find("code 3") != std::string::npos);
  send(other.control, PeerId{}, 3, start_message("broken", "mine"));
  CHECK(failure_of(next_answer(other.control)).message.find("runs already") != std::string::npos);
  send(other.control, PeerId{}, 4, wire::ListSpecsT{});  // answered later, and nobody waits
  wire::InterruptT interrupt;
  interrupt.request = 1;
  send(host.control, PeerId{}, 5, interrupt);
  const auto interrupted = next_answer(host.control);
  REQUIRE(interrupted.packet.root().body_as_Interrupted() != nullptr);
  CHECK(interrupted.packet.root().body_as_Interrupted()->outcome() ==
        wire::InterruptOutcome::cancelled);
  const Failure why = failure_of(next_answer(host.control));
  CHECK(why.message.find("its start was interrupted") != std::string::npos);
}

TEST_CASE("P4: a start whose spec cannot be read fails by its deadline") {
  const Files files;
  const auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({}, clock);
  auto host = f.host();
  const DiskHang disk_hang;
  auto message = start_message("hung");
  message.timeout_ms = 3000;
  send(host.control, PeerId{}, 1, message);
  DiskHang::wait();
  clock->advance(std::chrono::milliseconds(3001));
  CHECK(failure_of(next_answer(host.control)).kind == oast::FailureKind::timeout);
}

TEST_CASE("P3: a kernel whose host left while its spec was read is never started") {
  const Files files;
  BrokerFixture f;
  auto other = f.host();
  {
    const DiskHang disk_hang;
    auto host = f.host();
    send(host.control, PeerId{}, 1, start_message("hung"));
    DiskHang::wait();
    send(host.control, PeerId{}, 0, wire::GoodbyeT{});
    for (;;) {
      send(other.control, PeerId{}, 99, wire::ListT{});
      const auto answer = next_answer(other.control);
      const auto* listed = answer.packet.root().body_as_Listing()->kernels();
      REQUIRE(listed->size() == 1);
      if (listed->Get(0)->state() == wire::KernelState::dead) break;
    }
  }
  send(other.control, PeerId{}, 2, wire::ListSpecsT{});  // read after it
  CHECK(next_answer(other.control).packet.root().body_as_Specs() != nullptr);
  CHECK(kernels(other) == 1);
}

TEST_CASE("A start of a spec that there is not leaves no kernel behind") {
  BrokerFixture f;
  auto host = f.host();
  send(host.control, PeerId{}, 1, start_message("fortran"));
  CHECK(failure_of(next_answer(host.control)).kind == oast::FailureKind::not_found);
  CHECK(kernels(host) == 0);
}

TEST_CASE("P4: a broker ends though a spec cannot be read") {
  const Files files;
  const DiskHang disk_hang;
  {
    BrokerFixture f;
    auto host = f.host();
    send(host.control, PeerId{}, 1, start_message("hung"));
    DiskHang::wait();
  }
  CHECK(waiting_for_disk == 1);
}
