// oast stop: ends kernels, politely first.
#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "explain.hpp"

namespace oast::cli {
namespace {

struct StopCommand {
  Targets targets;
  std::optional<double> timeout;
};

constexpr const char* kStopExamples =
    "  oast stop work                ask; SIGTERM after 15 s; SIGKILL after 15 s more\n"
    "  oast stop work lua-7          several\n"
    "  oast stop --timeout 2 work    2 s instead of each 15\n"
    "\n"
    "Returns when the kernels and all processes that they started are gone.\n";

int stop_all(const StopCommand& command) {
  StopOptions options;
  if (command.timeout) {
    options.exit_timeout = options.term_timeout = to_milliseconds(*command.timeout);
  }
  return for_each_target(command.targets, [&](const Broker& broker, const KernelInfo& kernel) {
    const Death death = broker.stop(kernel.id, options);
    say(kernel.name + ": " + end_text(death) + "\n");
  });
}

}  // namespace

void add_stop(CLI::App& app, Action& action) {
  auto command = std::make_shared<StopCommand>();
  CLI::App& sub = add_command(app, "stop", "Stop kernels", kStopExamples);
  add_targets(sub, command->targets);
  add_seconds_option(sub, "--timeout", command->timeout,
                     "Seconds to wait before SIGTERM, and again before SIGKILL [15]");
  sub.callback([command, &action] { action = [command] { return stop_all(*command); }; });
}

}  // namespace oast::cli
