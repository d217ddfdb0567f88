// oast jupyter: oast's kernels in Jupyter's frontends.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "jupyter_doctor.hpp"
#include "jupyter_folders.hpp"
#include "kernelspec.hpp"
#include "notebook_extension.hpp"
#include "program_path.hpp"

namespace oast::cli {
namespace {

struct InstallCommand {
  bool user = false;
  std::string prefix;
  std::vector<std::string> specs;
};

constexpr const char* kJupyterExamples =
    "  oast jupyter install                 every spec, for this user\n"
    "  oast jupyter install python lua      these\n"
    "  oast jupyter install --prefix /usr/local\n"
    "  oast jupyter run report.ipynb        its cells, without a server\n"
    "  oast jupyter list                    the kernels that frontends use now\n"
    "  oast jupyter replay kernel-1.json    what the cells of one have shown\n";

std::vector<SpecInfo> chosen(const std::vector<SpecInfo>& all,
                             const std::vector<std::string>& names) {
  std::vector<SpecInfo> result;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const SpecInfo& spec) { return spec.name == name; });
    if (found == all.end())
      throw UsageError("there is no spec `" + name + "`; `oast specs` lists those there are");
    if (!found->problem.empty())
      throw Error(FailureKind::invalid,
                  "kernels of `" + name + "` cannot start: " + found->problem);
    result.push_back(*found);
  }
  if (names.empty())
    std::copy_if(all.begin(), all.end(), std::back_inserter(result),
                 [](const SpecInfo& spec) { return spec.problem.empty(); });
  return result;
}

int install(const InstallCommand& command) {
  const auto specs = chosen(Broker::embedded().specs(), command.specs);
  const auto folders = command.prefix.empty()
                           ? user_folders()
                           : prefix_folders(std::filesystem::absolute(command.prefix));
  const auto bridge = program_path("oast-jupyter");
  for (const SpecInfo& spec : specs) {
    const auto folder = folders.data / "kernels" / kernelspec_name(spec);
    write_file(folder / "kernel.json", kernelspec_text(spec, bridge));
    out().print(kernelspec_name(spec) + "  " + folder.string() + "\n");
  }
  write_file(folders.data / "nbextensions/oast/notebook.js", kNotebookExtension);
  write_file(folders.config / "nbconfig/notebook.d/oast.json",
             R"({"load_extensions": {"oast/notebook": true}})"
             "\n");
  return kDone;
}

/// Becomes oast-jupyter, which has Jupyter's protocol and its files.
int become_bridge(std::vector<std::string> words) {
  const std::string program = program_path("oast-jupyter").string();
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  throw std::system_error(errno, std::generic_category(), "cannot run " + program);
}

/// A command of oast-jupyter's.
void add_command_of_bridge(CLI::App& jupyter, const char* name, const char* description,
                           Action& action) {
  CLI::App& sub = *jupyter.add_subcommand(name, description);
  sub.set_help_flag();  // the other program has it, and all options
  sub.prefix_command();
  sub.callback([&sub, name, &action] {
    std::vector<std::string> words = sub.remaining();
    words.insert(words.begin(), {"oast-jupyter", name});
    action = [words] { return become_bridge(words); };
  });
}

}  // namespace

void add_jupyter(CLI::App& app, Action& action) {
  CLI::App& jupyter =
      add_command(app, "jupyter", "Offer oast's kernels to Jupyter's frontends", kJupyterExamples);
  jupyter.require_subcommand(1);
  auto command = std::make_shared<InstallCommand>();
  CLI::App& sub = add_command(jupyter, "install",
                              "Write kernelspecs: Notebook, JupyterLab and all others then show "
                              "the kernels; and an extension of Notebook 6",
                              kJupyterExamples);
  auto* user = sub.add_flag("--user", command->user, "For this user: the default");
  not_empty(
      sub.add_option("--prefix", command->prefix, "Below PREFIX/share and PREFIX/etc instead"))
      ->type_name("PREFIX")
      ->excludes(user);
  sub.add_option("SPEC", command->specs, "Only these; else all whose kernels can start")
      ->type_name("");
  sub.callback([command, &action] { action = [command] { return install(*command); }; });
  add_command_of_bridge(jupyter, "run", "Run a notebook without a server", action);
  add_command_of_bridge(jupyter, "list", "Show the kernels that frontends use now", action);
  add_command_of_bridge(jupyter, "replay", "Tell again what the cells of a kernel have shown",
                        action);
  CLI::App& doctor =
      add_command(jupyter, "doctor", "Say what is wrong with the installation, and what mends it",
                  "  oast jupyter doctor                  1 when something is wrong\n");
  doctor.callback([&action] { action = examine_jupyter; });
}

}  // namespace oast::cli
