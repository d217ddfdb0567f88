// oast start: a kernel in a running broker.
#include <poll.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"

namespace oast::cli {
namespace {

struct StartCommand {
  std::string broker;
  std::string spec = "lua";
  StartOptions options;
};

constexpr const char* kStartExamples =
    "  oast start --detach --name work              stays until `oast stop work`\n"
    "  kernel=$(oast start --detach) && oast eval --to \"$kernel\" 'x = 1'\n"
    "  oast start --env LANG=C --env TMPDIR=/tmp    nothing else is inherited\n"
    "  oast start --restart on-failure              started again when it dies, 3 times in 5 s\n"
    "  oast start                                   ends with this command: Ctrl-C\n"
    "  oast --session notes start --name work       stays as long as the session\n"
    "\n"
    "The kernel's name is printed to stdout, a sentence about it to stderr. Without --detach the\n"
    "kernel belongs to this command, which then stays in the foreground until Ctrl-C or until the\n"
    "kernel dies for good (exit 3). It works in the current directory unless --cwd says "
    "otherwise.\n";

// The kernel, or the last of those that were started in its place.
KernelInfo latest(const Broker& broker, KernelId id) {
  KernelInfo info = broker.find(id);
  while (info.successor) info = broker.find(info.successor);
  return info;
}

// Waits for Ctrl-C, or for the end of the kernel.
int stay(Worker& worker, SignalReader& signals) {
  WakeEvent changed;
  const Subscription news =
      worker.broker().watch([&changed, name = worker.name()](const KernelEvent& event) {
        if (event.info.name == name && event.change == KernelEvent::Change::state) changed.set();
      });
  // It may have died before we watched; and a broker that is gone sends no news.
  constexpr int kLookMs = 1000;
  std::array<pollfd, 2> fds{{{signals.fd(), POLLIN, 0}, {changed.fd(), POLLIN, 0}}};
  for (;;) {
    poll(fds.data(), fds.size(), kLookMs);
    changed.clear();
    const auto signal = signals.take();
    if (signal && asks_to_end(*signal)) {
      using std::chrono_literals::operator""s;
      worker.stop({.exit_timeout = 2s, .term_timeout = 2s});
      return 128 + *signal;
    }
    if (worker.isrunning()) continue;
    if (!worker.broker().connected()) throw NoBroker("the broker is gone, and the kernel with it");
    const KernelInfo now = latest(worker.broker(), worker.id());
    if (now.state == KernelState::starting) continue;
    if (now.state == KernelState::dead) {
      complain("the kernel " + now.name +
               " died: " + (now.death ? death_text(*now.death) : std::string("nobody knows how")));
      return kKernelDied;
    }
    say("kernel " + std::to_string(worker.id().value) + ", " + now.name +
        ", died and was started again as kernel " + std::to_string(now.id.value) + "\n");
    worker = worker.broker().attach(now.id);
  }
}

int start(const StartCommand& command) {
  SignalReader signals;
  std::optional<Worker> worker;
  {
    const ExitOnSignal impatient(signals);
    const Broker broker = connect_broker(command.broker);
    worker = broker.start(command.spec, command.options);
  }
  out().print(worker->name() + "\n");
  const std::string what = "started kernel " + std::to_string(worker->id().value) + ", " +
                           worker->name() + ", pid " + std::to_string(worker->info().pid);
  if (in_session()) {
    say(what + "; it stays until `oast stop " + worker->name() + "` or the end of session " +
        session_choice().name + "\n");
    return kDone;
  }
  if (!command.options.detach) {
    say(what + "; it ends with this command (Ctrl-C)\n");
    return stay(*worker, signals);
  }
  say(what + "; it stays until `oast stop " + worker->name() + "`\n");
  return kDone;
}

// Puts "K=V" where it belongs.
void add_variable(StartCommand& command, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw CLI::ValidationError("--env", "wants NAME=VALUE, such as LANG=C, not `" + text + "`");
  }
  command.options.env[text.substr(0, equals)] = text.substr(equals + 1);
}

}  // namespace

void add_start(CLI::App& app, Action& action) {
  auto command = std::make_shared<StartCommand>();
  CLI::App& sub = add_command(app, "start", "Start a kernel in a running broker", kStartExamples);
  not_empty(sub.add_option("-k,--spec", command->spec, "The recipe"))
      ->type_name("SPEC")
      ->capture_default_str();
  not_empty(sub.add_option("--name", command->options.name, "Its name; made up if not given"))
      ->type_name("N");
  sub.add_flag("--detach", command->options.detach, "It goes on without this command");
  sub.add_option("--restart", command->options.restart, "Whether it is started again when it dies")
      ->type_name("POLICY")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, RestartPolicy>{{"never", RestartPolicy::never},
                                               {"on-failure", RestartPolicy::on_failure},
                                               {"always", RestartPolicy::always}}))
      ->option_text("never|on-failure|always");
  sub.add_option_function<std::vector<std::string>>(
         "--env",
         [command](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) add_variable(*command, text);
         },
         "A variable of its environment; may be given again")
      ->type_name("K=V")
      ->allow_extra_args(false);
  sub.add_option("--cwd", command->options.cwd, "The directory it works in")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  sub.add_option("--exename", command->options.exename, "The program, for specs that take one")
      ->type_name("PROGRAM");
  sub.add_option("--exeflag", command->options.exeflags, "A flag for it; may be given again")
      ->type_name("FLAG")
      ->allow_extra_args(false);
  add_broker_option(sub, command->broker);
  sub.callback([command, &action] {
    const std::filesystem::path cwd = command->options.cwd;
    command->options.cwd =
        (std::filesystem::path(current_directory()) / cwd).lexically_normal().string();
    action = [command] { return start(*command); };
  });
}

}  // namespace oast::cli
