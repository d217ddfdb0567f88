#include "command.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "console.hpp"
#include "exit_code.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

std::optional<double> read_number(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

std::string instead(const std::string& text) {
  constexpr std::size_t kEnough = 40;
  return ", not `" + shorten(printable(text), kEnough) + "`";
}

HelpFormatter::HelpFormatter() {
  constexpr std::size_t kColumns = 28;
  column_width(kColumns);
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  std::string text;
  if (!option->get_type_name().empty()) text += " " + option->get_type_name();
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  return text;
}

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& examples) {
  CLI::App& command = *app.add_subcommand(name, description);
  command.footer("\nExamples:\n" + examples);
  return command;
}

CLI::Option* not_empty(CLI::Option* option) {
  return option->check(
      [](const std::string& text) { return text.empty() ? "should not be empty" : ""; });
}

void add_broker_option(CLI::App& command, std::string& broker) {
  not_empty(
      command.add_option("-b,--broker", broker,
                         "The broker: its directory, or its name below $XDG_RUNTIME_DIR/oast"))
      ->type_name("BROKER");
}

void add_session_options(CLI::App& app) {
  auto* name = not_empty(app.add_option("--session", session_choice().name,
                                        "Go on with this session at a daemon, or begin it"))
                   ->type_name("NAME");
  add_seconds_option(app, "--session-timeout", session_choice().timeout,
                     "How long it then waits for the next command; a day if not given");
  app.get_option("--session-timeout")->needs(name);
}

void add_kernel_options(CLI::App& command, KernelChoice& choice) {
  auto* spec =
      not_empty(command.add_option("-k,--spec", choice.spec, "Start a kernel of this spec"))
          ->type_name("SPEC")
          ->capture_default_str();
  not_empty(command.add_option("--to", choice.to, "Use this running kernel: its name or id"))
      ->type_name("KERNEL")
      ->excludes(spec);
  add_broker_option(command, choice.broker);
}

void add_seconds_option(CLI::App& command, const std::string& name, std::optional<double>& seconds,
                        const std::string& description) {
  const auto store = [&seconds, name](const std::string& text) {
    const auto number = read_number(text);
    if (!number || *number <= 0) {
      throw CLI::ValidationError(
          name, "wants a number of seconds greater than 0, such as 1.5" + instead(text));
    }
    seconds = number;
  };
  command.add_option_function<std::string>(name, store, description)->type_name("S");
}

CLI::Option* add_number_option(CLI::App& command, const std::string& name, std::uint64_t& number,
                               const std::string& description) {
  const auto store = [&number, name](const std::string& text) {
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stopped != end || number == 0) {
      throw CLI::ValidationError(name,
                                 "wants a number from 1 on, as `oast ps` shows it" + instead(text));
    }
  };
  return command.add_option_function<std::string>(name, store, description);
}

void add_targets(CLI::App& command, Targets& targets) {
  not_empty(command.add_option("K", targets.kernels, "Kernels, by name or id"))
      ->required()
      ->type_name("");
  add_broker_option(command, targets.broker);
}

int for_each_target(const Targets& targets,
                    const std::function<void(const Broker&, const KernelInfo&)>& act) {
  const Broker broker = connect_broker(targets.broker);
  int code = kDone;
  const auto attempt = [&code](const auto& step) {
    try {
      step();
    } catch (const Error& error) {
      complain(error.what());
      if (code == kDone) code = exit_code(error.kind());
    }
  };
  // All are found first: a kernel that is named twice may be gone after its first turn.
  std::vector<KernelInfo> kernels;
  for (const std::string& name : targets.kernels) {
    attempt([&] {
      KernelInfo found = find_kernel(broker, name);
      const auto same = [&](const KernelInfo& other) { return other.id == found.id; };
      if (std::none_of(kernels.begin(), kernels.end(), same)) kernels.push_back(std::move(found));
    });
  }
  for (const KernelInfo& kernel : kernels) attempt([&] { act(broker, kernel); });
  return code;
}

std::chrono::milliseconds to_milliseconds(double seconds) {
  constexpr double kMost = std::numeric_limits<std::uint32_t>::max();
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min(std::ceil(seconds * 1000), kMost)));
}

}  // namespace oast::cli
