// oast-jupyter: a Jupyter kernel whose code runs in a kernel of oast.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>

#include "bridge.hpp"
#include "command.hpp"
#include "connection_file.hpp"
#include "exit_code.hpp"
#include "notebook_run.hpp"
#include "oast/error.hpp"
#include "registration.hpp"
#include "replay.hpp"
#include "version.hpp"

namespace {

int parent_process() {
  const char* text = std::getenv("JPY_PARENT_PID");
  return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace oast;
  using Command = int (*)(int, char**);
  const std::array<std::pair<const char*, Command>, 3> commands{{{"run", jupyter::run_notebook},
                                                                 {"list", jupyter::list_bridges},
                                                                 {"replay", jupyter::replay}}};
  for (const auto& [name, command] : commands)
    if (argc > 1 && std::strcmp(argv[1], name) == 0) return command(argc - 1, argv + 1);
  CLI::App app(
      "A Jupyter kernel whose code runs in a kernel of oast. Frontends start it by the "
      "kernelspecs that `oast jupyter install` writes.",
      "oast-jupyter");
  app.formatter(std::make_shared<cli::HelpFormatter>());
  std::string file;
  jupyter::KernelOptions options;
  app.set_version_flag("--version", std::string("oast-jupyter ") + cli::kVersionText);
  cli::not_empty(
      app.add_option("-f,--connection-file", file, "The connection file that the frontend wrote"))
      ->required()
      ->type_name("FILE");
  cli::KernelChoice choice;
  cli::add_kernel_options(app, choice);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : cli::kUsage;
  }
  options = {.spec = choice.spec, .broker = choice.broker, .to = choice.to};
  options.connection_file = std::filesystem::absolute(file).string();
  try {
    cli::SignalReader signals;  // before there are threads
    jupyter::Bridge bridge(jupyter::read_connection_file(file));
    return bridge.run(options, parent_process(), signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oast-jupyter: %s\n", error.what());
    return 1;
  }
}
