// oast completion: scripts for shells.
#include "command.hpp"
#include "completion_scripts.hpp"
#include "console.hpp"
#include "exit_code.hpp"

namespace oast::cli {
namespace {

constexpr const char* kShellCompletionExamples =
    "  eval \"$(oast completion bash)\"       in ~/.bashrc\n"
    "  eval \"$(oast completion zsh)\"        in ~/.zshrc, after compinit\n"
    "  oast completion fish | source        in ~/.config/fish/config.fish\n";

int print_script(const std::string& shell) {
  if (shell == "bash") out().print(kBashCompletion);
  if (shell == "zsh") out().print(kZshCompletion);
  if (shell == "fish") out().print(kFishCompletion);
  return kDone;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App& sub = add_command(app, "completion", "Print a completion script for a shell",
                              kShellCompletionExamples);
  const auto known = [](const std::string& name) {
    const bool is = name == "bash" || name == "zsh" || name == "fish";
    return is ? std::string() : "wants bash, zsh or fish, not `" + name + "`";
  };
  sub.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(known, ""));
  sub.callback([shell, &action] { action = [shell] { return print_script(*shell); }; });
}

}  // namespace oast::cli
