// A kernel that dies with many requests open. The kernel is this test, its process a shell.
#include <signal.h>

#include <fstream>
#include <thread>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

std::string details_in(const std::filesystem::path& directory) {
  std::string line;
  while (!std::getline(std::ifstream(directory / "details"), line)) std::this_thread::yield();
  return line;
}

std::string token_in(const std::string& details) {
  const std::string key = "\"token\":\"";
  const auto start = details.find(key) + key.size();
  return details.substr(start, details.find('"', start) - start);
}

}  // namespace

TEST_CASE(
    "P1, P4: a death with many requests open is told to each, and others are served meanwhile") {
  constexpr std::uint64_t kMany = 50'000;
  const std::string script =
      "read -r line; yes | head -c 4000 >&2; echo $$ > pid; echo \"$line\" > details.new; "
      "mv details.new details; exec sleep 1000";
  BrokerFixture f({spec("shell", {"/bin/sh", "-c", script})});
  auto host = f.host();
  wire::StartT start;
  start.spec = "shell";
  start.cwd = f.scratch.path();
  send(host.control, PeerId{}, 1, start);
  wire::HelloT hello;
  hello.role = wire::Role::kernel;
  hello.token = token_in(details_in(f.scratch.path()));
  hello.version_min = hello.version_max = wire::kVersion;
  auto kernel = std::make_optional(
      wire::dial(f.context, f.broker.control_endpoint(), f.broker.data_endpoint(), hello,
                 std::chrono::duration_cast<std::chrono::milliseconds>(kGenerous)));
  const auto started = next_answer(host.control);
  REQUIRE(started.packet.root().body_as_Kernel() != nullptr);
  const PeerId id{started.packet.root().body_as_Kernel()->info()->id()};

  wire::EvalT eval;
  for (std::uint64_t i = 1; i <= kMany; ++i) send(host.data, id, i, eval);
  // One for nobody is answered when all before it have been accepted.
  send(host.data, PeerId{77}, kMany + 1, eval);
  CHECK(next(host.data).packet.root().id() == kMany + 1);
  pid_t pid = 0;
  std::ifstream(f.scratch.path() / "pid") >> pid;
  kernel.reset();
  ::kill(pid, SIGKILL);

  std::size_t bytes = 0;
  std::uint64_t failures = 0;
  std::uint64_t before_other = 0;
  while (failures < kMany) {
    const auto answer = next(host.data);
    const auto& message = answer.packet.root();
    const auto* failure = message.body_as_Failure();
    REQUIRE(failure != nullptr);
    if (message.id() == kMany + 2) {
      REQUIRE(failure->kind() == wire::FailureKind::not_found);
      before_other = failures;
      continue;
    }
    REQUIRE(failure->kind() == wire::FailureKind::kernel_died);
    REQUIRE(failure->death()->signal() == SIGKILL);
    REQUIRE(wire::text(failure->death()->stderr_tail()).ends_with("y\ny\n"));
    REQUIRE(message.id() == ++failures);  // in the order sent
    bytes += answer.packet.bytes();
    if (failures == 1) send(host.data, PeerId{77}, kMany + 2, eval);
  }
  CHECK(before_other > 0);
  CHECK(before_other < kMany);
  CHECK(bytes < kMany * 1000);
}
