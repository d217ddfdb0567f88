#include "oast/kernel/runtime.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <utility>

#include "engine_adapter.hpp"
#include "kernel_process.hpp"
#include "signal_handlers.hpp"

namespace oast::kernel {

namespace {

/// While it lives, SIGUSR1 reaches the engine.
class Interruptible {
 public:
  explicit Interruptible(Engine& engine) { set_interrupted_engine(&engine); }
  ~Interruptible() { set_interrupted_engine(nullptr); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
};

}  // namespace

int run_kernel(const std::function<std::unique_ptr<Engine>(Services&)>& make_engine) try {
  const LaunchDetails details = read_launch_details(STDIN_FILENO);
  Fd launcher = take_stdin();
  KernelProcess process({});
  // Before the broker hears of this kernel: what is registered can work.
  const auto engine = make_engine(process.services());
  const Interruptible interruptible(*engine);
  process.connect(details, std::move(launcher));
  EngineAdapter adapter(*engine);
  while (auto request = process.next()) process.answer(*request, adapter.answer(*request));
  return 0;
} catch (const std::exception& error) {
  // Stderr is the raw one here: either not yet captured, or given back.
  std::fprintf(stderr, "the kernel failed: %s\n", error.what());
  return 1;
}

}  // namespace oast::kernel
