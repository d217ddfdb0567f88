// Starting processes that are no kernels: what a host is told, and when.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;

TEST_CASE("A kernel that exits before it registers fails the start with its code and stderr") {
  BrokerFixture f({spec("broken", {"/bin/sh", "-c", "echo no such library >&2; exit 3"})});
  auto host = f.host();
  send(host.control, PeerId{}, 1, start_message("broken"));
  const auto answer = next_answer(host.control);
  CHECK(answer.packet.root().id() == 1);
  const Failure why = failure_of(answer);
  CHECK(why.kind == oast::FailureKind::kernel_died);
  CHECK(why.death.cause == oast::DeathCause::exited);
  CHECK(why.death.exit_code == 3);
  CHECK(why.death.stderr_tail == "no such library\n");
  CHECK(why.message.find("before it registered") != std::string::npos);
}

TEST_CASE("A program that cannot be run fails the start and says which") {
  BrokerFixture f({spec("missing", {"/nonexistent/kernel"})});
  auto host = f.host();
  send(host.control, PeerId{}, 1, start_message("missing"));
  const Failure why = failure_of(next_answer(host.control));
  CHECK(why.kind == oast::FailureKind::kernel_died);
  CHECK(why.death.stderr_tail.find("/nonexistent/kernel") != std::string::npos);
}

TEST_CASE("A start that never registers fails by its deadline and leaves no process") {
  auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({spec("mute", {"/bin/sh", "-c", "echo $$ > pid; exec sleep 1000"})}, clock);
  auto host = f.host();
  auto message = start_message("mute");
  message.cwd = f.scratch.path();
  message.timeout_ms = 3000;
  send(host.control, PeerId{}, 1, message);
  // The program runs: its pid is there.
  pid_t pid = 0;
  while (pid == 0) std::ifstream(f.scratch.path() / "pid") >> pid;
  clock->advance(std::chrono::milliseconds(3001));
  const Failure why = failure_of(next_answer(host.control));
  CHECK(why.kind == oast::FailureKind::timeout);
  CHECK(why.death.cause == oast::DeathCause::never_registered);
  CHECK(::kill(pid, 0) == -1);
}

TEST_CASE("An interrupt of a start kills its kernel; one that comes too late does nothing") {
  BrokerFixture f({spec("mute", {"/bin/sh", "-c", "echo $$ > pid; exec sleep 1000"})});
  auto host = f.host();
  auto other = f.host();
  auto message = start_message("mute");
  message.cwd = f.scratch.path();
  send(host.control, PeerId{}, 1, message);
  pid_t pid = 0;
  while (pid == 0) std::ifstream(f.scratch.path() / "pid") >> pid;
  wire::InterruptT interrupt;
  interrupt.request = 1;
  const auto outcome_of = [&](wire::Connection& asker, std::uint64_t id) {
    send(asker.control, PeerId{}, id, interrupt);
    const auto answer = next_answer(asker.control);
    const auto* interrupted = answer.packet.root().body_as_Interrupted();
    REQUIRE(interrupted != nullptr);
    CHECK(answer.packet.root().id() == id);
    return interrupted->outcome();
  };
  CHECK(outcome_of(other, 2) == wire::InterruptOutcome::already_finished);  // not its own
  CHECK(outcome_of(host, 2) == wire::InterruptOutcome::cancelled);
  const auto answer = next_answer(host.control);
  CHECK(answer.packet.root().id() == 1);
  const Failure why = failure_of(answer);
  CHECK(why.kind == oast::FailureKind::kernel_died);
  CHECK(why.message.find("its start was interrupted") != std::string::npos);
  CHECK(::kill(pid, 0) == -1);
  CHECK(outcome_of(host, 3) == wire::InterruptOutcome::already_finished);
}

TEST_CASE("Start refuses what it cannot do, and says what would be right") {
  BrokerFixture f;
  auto host = f.host();
  const auto refused = [&](wire::StartT message, oast::FailureKind kind, const std::string& text) {
    send(host.control, PeerId{}, 9, message);
    const Failure why = failure_of(next_answer(host.control));
    CHECK(why.kind == kind);
    CHECK_MESSAGE(why.message.find(text) != std::string::npos, why.message);
  };
  const auto missing = oast::FailureKind::not_found;
  refused(start_message("fortran"), missing, "no kernel spec 'fortran'; there are: ");
  refused(start_message("fortran"), missing, "lua");  // among those that this machine has
  auto message = start_message("lua");
  message.cwd = "relative";
  refused(message, oast::FailureKind::invalid, "absolute");
  message = start_message("lua");
  message.name = "12";
  refused(message, oast::FailureKind::invalid, "add a letter");
  message.name = "white space";
  refused(message, oast::FailureKind::invalid, "letters");
  message = start_message("lua");
  message.env.push_back(std::make_unique<wire::EnvVarT>());
  message.env[0]->name = "A=B";
  refused(message, oast::FailureKind::invalid, "environment");
}

TEST_CASE("P3: what a kernel started ends with it, also what daemonized") {
  // The grandchild leaves the session and its parent, writes its pid and waits.
  const std::string script =
      "setsid sh -c 'echo $$ > pid; exec sleep 1000' & while ! test -s pid; do sleep 0.01; done; "
      "exit 5";
  BrokerFixture f({spec("forking", {"/bin/sh", "-c", script})});
  auto host = f.host();
  auto message = start_message("forking");
  message.cwd = f.scratch.path();
  send(host.control, PeerId{}, 1, message);
  const Failure why = failure_of(next_answer(host.control));
  CHECK(why.death.exit_code == 5);
  pid_t pid = 0;
  std::ifstream(f.scratch.path() / "pid") >> pid;
  REQUIRE(pid > 0);
  CHECK(::kill(pid, 0) == -1);
}

TEST_CASE("P8: a kernel gets nothing of its host but what the spec and the start name") {
  const std::string script = "env > env; ls -l /proc/self/fd > fds; pwd > cwd; umask; exit 0";
  BrokerFixture f({spec("look", {"/bin/sh", "-c", script})});
  ::setenv("OAST_SECRET_OF_THE_HOST", "1", 1);
  std::FILE* leak = std::fopen("/dev/null", "r");  // without close-on-exec
  auto host = f.host();
  auto message = start_message("look");
  message.cwd = f.scratch.path();
  message.env.push_back(std::make_unique<wire::EnvVarT>());
  message.env[0]->name = "GIVEN";
  message.env[0]->value = "yes";
  send(host.control, PeerId{}, 1, message);
  failure_of(next_answer(host.control));
  std::fclose(leak);
  const auto slurp = [&](const char* name) {
    std::ifstream stream(f.scratch.path() / name);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::string env = slurp("env");
  CHECK(env.find("GIVEN=yes\n") != std::string::npos);
  CHECK(env.find("OAST_SECRET") == std::string::npos);
  CHECK(env.find("HOME=") == std::string::npos);
  // 0, 1, 2, the outbox, which a kernel takes and closes, and the directory that ls itself reads.
  const std::string fds = slurp("fds");
  CHECK_MESSAGE(std::count(fds.begin(), fds.end(), '\n') == 6, fds);
  CHECK(slurp("cwd") == f.scratch.path().string() + "\n");
}

TEST_CASE("P8: neither umask nor soft limits of its host reach a kernel") {
  const std::string script =
      "(umask; ulimit -Sn; ulimit -c; ulimit -St; ulimit -Ht) > limits; exit 0";
  BrokerFixture f({spec("look", {"/bin/sh", "-c", script})});
  // As the broker's host, after the broker was made: what it has now is inherited.
  const ::mode_t mask = ::umask(077);
  rlimit descriptors{};
  rlimit time{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  REQUIRE(::getrlimit(RLIMIT_CPU, &time) == 0);
  const rlimit few{200, descriptors.rlim_max};
  const rlimit short_time{3000, time.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  REQUIRE(::setrlimit(RLIMIT_CPU, &short_time) == 0);
  auto host = f.host();
  auto message = start_message("look");
  message.cwd = f.scratch.path();
  send(host.control, PeerId{}, 1, message);
  failure_of(next_answer(host.control));
  ::umask(mask);
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  ::setrlimit(RLIMIT_CPU, &time);
  std::ifstream stream(f.scratch.path() / "limits");
  std::string got[5];
  for (auto& word : got) stream >> word;
  CHECK(got[0] == "0022");
  CHECK(got[1] == std::to_string(std::min<rlim_t>(1024, descriptors.rlim_max)));
  CHECK(got[2] == "0");
  CHECK(got[3] == got[4]);
}

TEST_CASE("P3: a kernel that starts ends with the host that asked for it") {
  BrokerFixture f({spec("mute", {"/bin/sh", "-c", "echo $$ > pid; exec sleep 1000"})});
  pid_t pid = 0;
  {
    auto host = f.host();
    auto message = start_message("mute");
    message.cwd = f.scratch.path();
    send(host.control, PeerId{}, 1, message);
    while (pid == 0) std::ifstream(f.scratch.path() / "pid") >> pid;
    send(host.control, PeerId{}, 0, wire::GoodbyeT{});
  }
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (::kill(pid, 0) == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(::kill(pid, 0) == -1);
}

TEST_CASE(
    "P4: a program that writes to stderr without end stops nobody, and its start ends in time") {
  BrokerFixture f({spec("noisy", {"/bin/sh", "-c", "echo $$ > pid; exec yes >&2"})});
  auto host = f.host();
  auto other = f.host();
  auto message = start_message("noisy");
  message.cwd = f.scratch.path();
  message.timeout_ms = 1000;
  send(host.control, PeerId{}, 1, message);
  pid_t pid = 0;
  while (pid == 0) std::ifstream(f.scratch.path() / "pid") >> pid;
  send(other.control, PeerId{}, 2, wire::ListT{});
  CHECK(next_answer(other.control).packet.root().body_as_Listing() != nullptr);
  const Failure why = failure_of(next_answer(host.control));
  CHECK(why.kind == oast::FailureKind::timeout);
  CHECK(why.death.stderr_tail.find("y\ny\n") != std::string::npos);
  CHECK(::kill(pid, 0) == -1);
}
