// How a command of `oast` is made: its options on the command line, and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "target_kernel.hpp"

namespace oast::cli {

/// What the command line asks for; returns the exit code.
using Action = std::function<int()>;

// Each adds its command to `app`; parsing it sets `action`.
void add_eval(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_repl(CLI::App& app, Action& action);
void add_specs(CLI::App& app, Action& action);
void add_broker(CLI::App& app, Action& action);
void add_start(CLI::App& app, Action& action);
void add_ps(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
void add_watch(CLI::App& app, Action& action);
void add_interrupt(CLI::App& app, Action& action);
void add_stop(CLI::App& app, Action& action);
void add_kill(CLI::App& app, Action& action);
void add_end_session(CLI::App& app, Action& action);
void add_logs(CLI::App& app, Action& action);
void add_wait(CLI::App& app, Action& action);
void add_attach(CLI::App& app, Action& action);
void add_jupyter(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

/// Says what options take, and leaves what they exclude to the message that says so.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_option_opts(const CLI::Option* option) const override;
};

/// A subcommand whose --help ends with `examples`, one a line.
CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& examples);

/// Refuses an empty text, which elsewhere stands for what was not given.
CLI::Option* not_empty(CLI::Option* option);
/// ", not `text`": what was given instead, short enough for a message.
std::string instead(const std::string& text);

/// --session and --session-timeout, before the command.
void add_session_options(CLI::App& app);
void add_broker_option(CLI::App& command, std::string& broker);
void add_kernel_options(CLI::App& command, KernelChoice& choice);
/// A time in seconds, greater than 0.
void add_seconds_option(CLI::App& command, const std::string& name, std::optional<double>& seconds,
                        const std::string& description);

/// A number that something has: 1 or greater.
CLI::Option* add_number_option(CLI::App& command, const std::string& name, std::uint64_t& number,
                               const std::string& description);

/// The kernels K... that a command acts on.
struct Targets {
  std::vector<std::string> kernels;
  std::string broker;
};
void add_targets(CLI::App& command, Targets& targets);
/// Calls `act` once for every kernel that is meant, however often it is named. One that fails is
/// complained about and does not keep the others from their turn; the first failure gives the exit
/// code.
int for_each_target(const Targets& targets,
                    const std::function<void(const Broker&, const KernelInfo&)>& act);

/// `seconds` as whole milliseconds, at most what the protocol can say.
std::chrono::milliseconds to_milliseconds(double seconds);

}  // namespace oast::cli
