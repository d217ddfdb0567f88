// The `oast` command.
#include <langinfo.h>
#include <clocale>
#include <csignal>
#include <cstring>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "version.hpp"

namespace oast::cli {
namespace {

constexpr const char* kFooter =
    "\n"
    "Without -b and without a running daemon, eval, run and repl bring a broker of their own.\n"
    "\n"
    "With --session NAME a command goes on with what earlier commands of that name began at a "
    "daemon:\n"
    "its kernels stay, and it gets what was said since.\n"
    "\n"
    "Values and the code's own output go to stdout, everything else to stderr.\n"
    "\n"
    "Exit codes:\n"
    "  0    done\n"
    "  1    the code raised\n"
    "  2    usage: nonsense on the command line, or no such kernel, spec or file\n"
    "  3    the kernel died\n"
    "  4    no broker: none lives there, it does not let us in, or it is gone\n"
    "  5    timeout, or not to be interrupted\n"
    "  6    the system gave out: a full disk, an overloaded broker\n"
    "  130  interrupted; other signals end with 128 + their number as well\n"
    "  141  nobody reads our output any longer\n"
    "\n"
    "Examples:\n"
    "  oast eval '1 + 1'\n"
    "  oast run program.lua input.txt\n"
    "  oast repl\n"
    "  oast broker & oast start --detach --name work && oast eval --to work 'x = 1'\n";

// Widths of characters are those of UTF-8, whatever the locale says; numbers stay as in "C".
void set_locale() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

void add_commands(CLI::App& app, Action& action) {
  add_eval(app, action);
  add_run(app, action);
  add_repl(app, action);
  add_specs(app, action);
  add_broker(app, action);
  add_start(app, action);
  add_ps(app, action);
  add_top(app, action);
  add_watch(app, action);
  add_logs(app, action);
  add_wait(app, action);
  add_attach(app, action);
  add_interrupt(app, action);
  add_stop(app, action);
  add_kill(app, action);
  add_end_session(app, action);
  add_jupyter(app, action);
  add_completion(app, action);
}

/// The command that was being parsed, and of what it is a part.
struct Chosen {
  const CLI::App* command;
  std::string before;  ///< "oast", "oast jupyter"
};

Chosen chosen_command(const CLI::App& app) {
  Chosen chosen{&app, ""};
  while (!chosen.command->get_subcommands().empty()) {
    chosen.before += (chosen.before.empty() ? "" : " ") + chosen.command->get_name();
    chosen.command = chosen.command->get_subcommands().front();
  }
  return chosen;
}

// "oast eval", for messages.
std::string command_name(const CLI::App& app) {
  const Chosen chosen = chosen_command(app);
  return (chosen.before.empty() ? "" : chosen.before + " ") + chosen.command->get_name();
}

int usage(const CLI::App& app, std::string message) {
  const std::string name = command_name(app);
  if (!message.empty() && message.back() == '\n') message.pop_back();
  say(name + ": " + message + "\nTry `" + name + " --help`.\n");
  return kUsage;
}

// An option or a command that is unknown says more than what is missing because of it.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  const bool about_words = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr ||
                           dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const auto words = about_words ? app.remaining(true) : std::vector<std::string>{};
  const bool command_missing = chosen_command(app).command->get_require_subcommand_min() > 0;
  if (command_missing && !words.empty() && !words.front().starts_with('-'))
    return "there is no command `" + words.front() + "`";
  for (const std::string& word : words) {
    if (word.size() > 1 && word.front() == '-') return "there is no option `" + word + "`";
  }
  return error.what();
}

int parse(CLI::App& app, int argc, char** argv, const Action& action) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const Chosen chosen = chosen_command(app);
    out().print(chosen.command->help(chosen.before));
    return kDone;
  } catch (const CLI::CallForVersion&) {
    out().print("oast " + std::string(kVersionText) + "\n");
    return kDone;
  } catch (const CLI::ParseError& error) {
    return usage(app, complaint(app, error));
  }
  try {
    return action();
  } catch (const UsageError& error) {
    return usage(app, error.what());
  }
}

int run(int argc, char** argv) {
  CLI::App app{"Evaluates code in sandboxed kernels, and looks after them.", "oast"};
  app.set_version_flag("--version", std::string(kVersionText), "Print the version and end");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.footer(kFooter);
  Action action;
  add_session_options(app);
  add_commands(app, action);
  try {
    return parse(app, argc, argv, action);
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const NoBroker& error) {
    complain(error.what());
    return kNoBroker;
  } catch (const Error& error) {
    complain(error.what());
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    complain(error.what());
    return kBroken;
  }
}

}  // namespace
}  // namespace oast::cli

int main(int argc, char** argv) {
  oast::cli::ensure_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  oast::cli::set_locale();
  return oast::cli::run(argc, argv);
}
