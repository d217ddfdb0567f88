// Kernels that are started again: real Lua kernels that end in every way.
#include <signal.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "broker_fixture.hpp"
#include "raw_kernel.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

using Info = std::unique_ptr<wire::KernelInfoT>;

struct RestartFixture {
  explicit RestartFixture(std::vector<broker::KernelSpec> specs = {})
      : clock(std::make_shared<ManualClock>()), f(std::move(specs), clock), host(f.host()) {}

  static wire::StartT wish(wire::RestartPolicy policy) {
    wire::StartT start;
    start.spec = "lua";
    start.name = "phoenix";
    start.restart = policy;
    start.restart_intensity = 2;
    start.restart_period_ms = 5000;
    return start;
  }
  std::uint64_t start(const wire::StartT& message) {
    send(host.control, PeerId{}, ++last, message);
    const auto got = next_answer(host.control);
    const auto* started = got.packet.root().body_as_Kernel();
    REQUIRE(started != nullptr);
    CHECK(started->info()->restarts() == 0);
    return started->info()->id();
  }
  /// nullptr when there is none.
  Info find(const wire::AttachT& which) {
    send(host.control, PeerId{}, ++last, which);
    const auto got = next_answer(host.control);
    const auto* found = got.packet.root().body_as_Kernel();
    return found == nullptr ? nullptr : Info(found->info()->UnPack());
  }
  Info by_name() {
    wire::AttachT which;
    which.name = "phoenix";
    return find(which);
  }
  Info by_id(std::uint64_t id) {
    wire::AttachT which;
    which.kernel = id;
    auto found = find(which);
    REQUIRE(found != nullptr);
    return found;
  }
  Info await_death(std::uint64_t id) {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    for (;;) {
      auto found = by_id(id);
      if (found->state == wire::KernelState::dead) return found;
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }
  /// That runs now, in the place of the dead one.
  std::uint64_t await_successor(std::uint64_t dead) {
    const auto old = await_death(dead);
    REQUIRE(old->successor > dead);
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    while (by_id(old->successor)->state == wire::KernelState::starting) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
    return old->successor;
  }
  void check_stays_dead(std::uint64_t id) {
    CHECK(await_death(id)->successor == 0);
    CHECK(by_name() == nullptr);
  }
  wire::Addressed eval(std::uint64_t kernel, const std::string& code) {
    wire::EvalT message;
    message.code = code;
    send(host.data, PeerId{kernel}, ++last, message);
    return next(host.data);
  }
  /// Ends the kernel by its own code.
  void end(std::uint64_t kernel, const std::string& code) {
    const auto answer = eval(kernel, code);
    const auto* failed = answer.packet.root().body_as_Failure();
    REQUIRE(failed != nullptr);
    CHECK(failed->kind() == wire::FailureKind::kernel_died);
  }

  std::shared_ptr<ManualClock> clock;
  BrokerFixture f;
  wire::Connection host;
  std::uint64_t last = 0;
};

}  // namespace

TEST_CASE("A kernel that failed is started again with all that it had but its id") {
  RestartFixture f;
  auto wish = RestartFixture::wish(wire::RestartPolicy::on_failure);
  wish.cwd = f.f.scratch.path();
  wish.env.push_back(std::make_unique<wire::EnvVarT>());
  wish.env[0]->name = "GIVEN";
  wish.env[0]->value = "yes";
  const auto first = f.start(wish);
  f.end(first, "os.exit(3)");
  const auto second = f.await_successor(first);
  const auto info = f.by_name();
  REQUIRE(info != nullptr);
  CHECK(info->id == second);
  CHECK(info->restarts == 1);
  CHECK(info->owner == f.host.self.value);
  CHECK(info->spec == "lua");
  CHECK_FALSE(info->detached);
  const auto answer =
      f.eval(second, "return os.getenv('GIVEN') .. ' ' .. io.popen('pwd'):read('l')");
  const auto* result = answer.packet.root().body_as_Result();
  REQUIRE(result != nullptr);
  CHECK(wire::text(result->value()->text()) == "yes " + f.f.scratch.path().string());
  // Whoever knows the old one only.
  const auto late = f.eval(first, "return 1");
  REQUIRE(late.packet.root().body_as_Failure() != nullptr);
  CHECK(late.packet.root().body_as_Failure()->kind() == wire::FailureKind::kernel_died);
}

TEST_CASE("A kernel that was killed by a stranger is started again, unless its policy is never") {
  RestartFixture f;
  const auto first = f.start(RestartFixture::wish(wire::RestartPolicy::on_failure));
  ::kill(f.by_id(first)->pid, SIGKILL);
  CHECK(f.await_successor(first) > first);

  RestartFixture other;
  const auto never = other.start(RestartFixture::wish(wire::RestartPolicy::never));
  ::kill(other.by_id(never)->pid, SIGKILL);
  other.check_stays_dead(never);
}

TEST_CASE("Code 0 is no failure: only `always` starts again then") {
  RestartFixture f;
  f.end(f.start(RestartFixture::wish(wire::RestartPolicy::on_failure)), "os.exit(0)");
  CHECK(f.by_name() == nullptr);
  const auto always = f.start(RestartFixture::wish(wire::RestartPolicy::always));
  f.end(always, "os.exit(0)");
  CHECK(f.await_successor(always) > always);
}

TEST_CASE("A kernel that somebody stopped, killed or sent a signal stays dead") {
  RestartFixture f;
  for (const int signal : {0, SIGKILL, SIGTERM}) {
    CAPTURE(signal);
    const auto kernel = f.start(RestartFixture::wish(wire::RestartPolicy::always));
    if (signal == 0) {
      wire::StopT stop;
      stop.kernel = kernel;
      send(f.host.control, PeerId{}, ++f.last, stop);
    } else {
      wire::SignalT message;
      message.kernel = kernel;
      message.signal = signal;
      send(f.host.control, PeerId{}, ++f.last, message);
    }
    next_answer(f.host.control);
    f.check_stays_dead(kernel);
  }
}

TEST_CASE("P3: a kernel whose owner has left is not started again") {
  RestartFixture f;
  auto owner = f.f.host("owner");
  send(owner.control, PeerId{}, 1, RestartFixture::wish(wire::RestartPolicy::always));
  const auto started = next_answer(owner.control);
  REQUIRE(started.packet.root().body_as_Kernel() != nullptr);
  const auto kernel = started.packet.root().body_as_Kernel()->info()->id();
  send(owner.control, PeerId{}, 0, wire::GoodbyeT{});
  owner.data.close();
  f.check_stays_dead(kernel);
}

TEST_CASE("A kernel that dies too often within the period stays dead and says so") {
  RestartFixture f;
  const auto first = f.start(RestartFixture::wish(wire::RestartPolicy::on_failure));
  f.end(first, "os.exit(1)");
  const auto second = f.await_successor(first);
  f.end(second, "os.exit(1)");
  const auto third = f.await_successor(second);
  CHECK(f.by_id(third)->restarts == 2);
  f.end(third, "os.exit(1)");
  const auto dead = f.await_death(third);
  CHECK(dead->successor == 0);
  CHECK(dead->death->explanation ==
        "it exited with code 1; it is not started again, which was done 2 times within 5000 ms");
  CHECK(f.by_name() == nullptr);
}

TEST_CASE("Restarts count for their period only") {
  RestartFixture f;
  auto kernel = f.start(RestartFixture::wish(wire::RestartPolicy::on_failure));
  for (int i = 0; i < 4; ++i) {
    f.end(kernel, "os.exit(1)");
    kernel = f.await_successor(kernel);
    f.clock->advance(3000ms);
  }
  CHECK(f.by_id(kernel)->restarts == 4);
}

TEST_CASE("A start that fails is not repeated") {
  RestartFixture f({spec("lua", {"/bin/sh", "-c", "exit 3"})});
  send(f.host.control, PeerId{}, ++f.last, RestartFixture::wish(wire::RestartPolicy::always));
  CHECK(next_answer(f.host.control).packet.root().body_as_Failure() != nullptr);
  CHECK(f.by_name() == nullptr);
}

TEST_CASE("A kernel that was started again and never registers counts as one that died") {
  auto once = RawKernel::spec();
  once.argv.back() = "test -e launch && exit 4; echo $$ > pid; " + once.argv.back();
  RestartFixture f({once});
  RawKernel first(f.f, f.host, RestartFixture::wish(wire::RestartPolicy::on_failure));
  const auto id = first.connection->self.value;
  pid_t pid = 0;
  std::ifstream(f.f.scratch.path() / "pid") >> pid;
  first.connection.reset();
  ::kill(pid, SIGKILL);
  auto dead = f.await_death(id);
  for (std::uint32_t i = 1; i <= 2; ++i) {
    REQUIRE(dead->successor > dead->id);
    dead = f.await_death(dead->successor);
    CHECK(dead->restarts == i);
    CHECK(dead->death->exit_code == 4);
  }
  CHECK(dead->successor == 0);
  CHECK(dead->death->explanation.find("it is not started again") != std::string::npos);
}
