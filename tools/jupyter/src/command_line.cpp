#include "command_line.hpp"

#include <csignal>
#include <exception>
#include <memory>
#include <string>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {

int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& action) {
  std::signal(SIGPIPE, SIG_IGN);
  app.formatter(std::make_shared<cli::HelpFormatter>());
  const std::string name = app.get_name();
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::CallForHelp&) {
    cli::out().print(app.help());
    return cli::kDone;
  } catch (const CLI::ParseError& error) {
    cli::say(name + ": " + error.what() + "\nTry `" + name + " --help`.\n");
    return cli::kUsage;
  } catch (const cli::UsageError& error) {
    cli::complain(error.what());
    return cli::kUsage;
  } catch (const cli::NoBroker& error) {
    cli::complain(error.what());
    return cli::kNoBroker;
  } catch (const cli::ReaderGone&) {
    return cli::kReaderGone;
  } catch (const Error& error) {
    cli::complain(error.what());
    return cli::exit_code(error.kind());
  } catch (const std::exception& error) {
    cli::complain(error.what());
    return cli::kBroken;
  }
}

}  // namespace oast::jupyter
