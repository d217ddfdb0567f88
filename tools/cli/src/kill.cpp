// oast kill: signals to kernels.
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cctype>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "explain.hpp"

namespace oast::cli {
namespace {

struct KillCommand {
  Targets targets;
  int signal = SIGKILL;
};

constexpr const char* kKillExamples =
    "  oast kill work                   SIGKILL to the kernel and all processes it started\n"
    "  oast kill work --signal TERM     also SIGTERM or 15; to the kernel process only\n";

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// "KILL", "SIGKILL", "sigkill" or "9".
std::optional<int> read_signal(const std::string& text) {
  std::string name = upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = sigabbrev_np(signal);
    if ((known && name == known) || text == std::to_string(signal)) return signal;
  }
  return std::nullopt;
}

int kill_all(const KillCommand& command) {
  return for_each_target(command.targets, [&](const Broker& broker, const KernelInfo& kernel) {
    if (command.signal != SIGKILL) return broker.signal(kernel.id, command.signal);
    say(kernel.name + ": " + end_text(broker.kill(kernel.id)) + "\n");
  });
}

}  // namespace

void add_kill(CLI::App& app, Action& action) {
  auto command = std::make_shared<KillCommand>();
  CLI::App& sub = add_command(
      app, "kill", "Send a signal to kernels, SIGKILL if not told otherwise", kKillExamples);
  add_targets(sub, command->targets);
  const auto store = [command](const std::string& text) {
    const auto signal = read_signal(text);
    if (!signal) {
      throw CLI::ValidationError("--signal",
                                 "wants a signal, such as TERM, SIGTERM or 15, not `" + text + "`");
    }
    command->signal = *signal;
  };
  sub.add_option_function<std::string>("-s,--signal", store, "The signal [KILL]")
      ->type_name("NAME");
  sub.callback([command, &action] { action = [command] { return kill_all(*command); }; });
}

}  // namespace oast::cli
