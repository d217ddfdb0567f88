// A host to be killed: oast-fault-host COUNT BROKER CODE starts COUNT Lua kernels, each with a
// child process that left its session, at a daemon or, BROKER being empty, embedded; runs CODE in
// each, prints "KERNEL_PID CHILD_PID" of each, then "ready", and waits for the end of its stdin.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "oast/oast.hpp"

namespace {

constexpr const char* kStartChild = R"lua(
  local pipe = io.popen("setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' & ")
  return pipe:read("n")
)lua";

}  // namespace

int main(int argc, char** argv) try {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1;
  const auto broker =
      argc > 2 && *argv[2] != '\0' ? oast::Broker::connect(argv[2]) : oast::Broker::embedded();
  std::vector<oast::Worker> workers;
  for (int i = 0; i < count; ++i) {
    auto& worker = workers.emplace_back(broker.start("lua"));
    const auto child = worker.remote_eval_fetch<int>(kStartChild);
    if (argc > 3) worker.remote_eval_wait(argv[3]);
    std::printf("%d %d\n", worker.info().pid, child);
  }
  std::puts("ready");
  std::fflush(stdout);
  return std::getchar() == EOF ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "oast-fault-host: %s\n", error.what());
  return 1;
}
