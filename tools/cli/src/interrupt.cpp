// oast interrupt: ends what a kernel runs, not the kernel.
#include <charconv>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "json_text.hpp"
#include "log_follower.hpp"

namespace oast::cli {
namespace {

struct InterruptCommand {
  Targets targets;
  std::string label;          // of the request, as it was given
  std::uint64_t request = 0;  // 0: whatever runs
  std::uint64_t host = 0;
  std::optional<double> timeout;
  bool kill = false;
  bool json = false;
};

constexpr const char* kInterruptExamples =
    "  oast interrupt work                        whatever runs now\n"
    "  oast interrupt work --request 12           that request, running or queued\n"
    "  oast interrupt work --request 3:12         that of host 3: as `oast eval --no-wait` prints "
    "it\n"
    "  oast interrupt work --timeout 5 --kill     kill the kernel if it goes on for 5 s\n"
    "\n"
    "Prints what became of it: interrupted, cancelled (it was queued), already_finished,\n"
    "nothing_running, not_open (no request of that number is open: it has ended, or there never\n"
    "was one), not_interruptible (exit 5) or killed. With --json one object a line:\n"
    "  {\"kernel\": NAME, \"request\": N or null, \"outcome\": one of these}\n"
    "Request numbers are each host's own, and `oast ps` shows what runs now. --host says whose is\n"
    "meant; if not given, the one that runs now when it has that number, else one of the kernel's\n"
    "owner, which a detached kernel has not.\n";

/// Throws UsageError.
void read_label(InterruptCommand& command) {
  const std::string& text = command.label;
  if (text.find(':') != std::string::npos) {
    const RequestKey key = read_request_label(text);
    command.host = key.host.value;
    command.request = key.id.value;
  } else if (!text.empty()) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, command.request);
    if (read.ec != std::errc{} || read.ptr != end || command.request == 0)
      throw UsageError("--request: wants a number from 1 on, or HOST:N" + instead(text));
  }
}

PeerId whose(const InterruptCommand& command, const KernelInfo& kernel) {
  if (command.host != 0) return PeerId{command.host};
  return kernel.request.value == command.request ? kernel.request_host : kernel.owner;
}

InterruptOutcome interrupt(const InterruptCommand& command, const Broker& broker,
                           const KernelInfo& kernel) {
  InterruptOptions options{.escalate = command.kill};
  if (command.timeout) options.timeout = to_milliseconds(*command.timeout);
  if (command.request == 0) return broker.interrupt(kernel.id, options);
  const PeerId host = whose(command, kernel);
  if (!host && kernel.queued > 0) {
    throw Error(FailureKind::invalid,
                kernel.name + " is detached and has no owner: --host should " +
                    "say whose request " + std::to_string(command.request) + " is");
  }
  return broker.interrupt(kernel.id, RequestId{command.request}, options, host);
}

// The broker forgets requests when they end, so it cannot tell one that has from one that never
// was.
std::string outcome_name(const InterruptCommand& command, InterruptOutcome outcome) {
  const bool not_open = command.request != 0 && outcome == InterruptOutcome::already_finished;
  return not_open ? "not_open" : std::string(to_string(outcome));
}

std::string outcome_line(const InterruptCommand& command, const KernelInfo& kernel,
                         InterruptOutcome outcome) {
  const std::string name = outcome_name(command, outcome);
  if (command.json) {
    const Json request = command.request == 0 ? Json(nullptr) : Json(command.request);
    return dump({{"kernel", kernel.name}, {"request", request}, {"outcome", name}});
  }
  return (command.targets.kernels.size() > 1 ? kernel.name + ": " : "") + name;
}

int interrupt_all(InterruptCommand command) {
  read_label(command);
  bool stubborn = false;
  const int code =
      for_each_target(command.targets, [&](const Broker& broker, const KernelInfo& kernel) {
        const InterruptOutcome outcome = interrupt(command, broker, kernel);
        stubborn = stubborn || outcome == InterruptOutcome::not_interruptible;
        out().print(outcome_line(command, kernel, outcome) + "\n");
      });
  return code == kDone && stubborn ? kTimeout : code;
}

}  // namespace

void add_interrupt(CLI::App& app, Action& action) {
  auto command = std::make_shared<InterruptCommand>();
  CLI::App& sub = add_command(app, "interrupt", "Interrupt what kernels run", kInterruptExamples);
  add_targets(sub, command->targets);
  auto* request = not_empty(sub.add_option("--request", command->label, "Only this request"))
                      ->type_name("[HOST:]N");
  add_number_option(sub, "--host", command->host, "The host whose request it is")
      ->type_name("PEER")
      ->needs(request);
  add_seconds_option(sub, "--timeout", command->timeout,
                     "Call it not interruptible after S seconds [2]");
  sub.add_flag("--kill", command->kill, "Kill the kernel if it is still running then");
  sub.add_flag("--json", command->json, "Print one JSON object a line");
  sub.callback([command, &action] { action = [command] { return interrupt_all(*command); }; });
}

}  // namespace oast::cli
