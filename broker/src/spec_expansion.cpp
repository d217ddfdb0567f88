#include "spec_expansion.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>

#include "install_paths.hpp"
#include "oast/error.hpp"

namespace oast::broker {

namespace {

constexpr std::string_view kExename = "{exename}";
constexpr std::string_view kExeflags = "{exeflags}";
constexpr std::string_view kDirectory = "{directory}";
constexpr std::string_view kLibrary = "{library}";

std::string replace_all(std::string text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

std::string fill_in(std::string text, const KernelSpec& spec, const std::string& exename) {
  text = replace_all(std::move(text), kExename, exename);
  text = replace_all(std::move(text), kDirectory, spec.directory.string());
  if (text.find(kLibrary) == std::string::npos) return text;
  return replace_all(std::move(text), kLibrary, find_kernel_library().string());
}

/// Nothing when it refers to a variable that is not set here.
std::optional<std::string> with_our_environment(std::string_view text) {
  std::string result;
  for (;;) {
    const auto start = text.find("${");
    const auto end = text.find('}', start);
    result += text.substr(0, start);
    if (start == std::string_view::npos || end == std::string_view::npos) return result;
    const std::string name(text.substr(start + 2, end - start - 2));
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    result += value;
    text.remove_prefix(end + 1);
  }
}

void check_choice(const KernelSpec& spec, const ExeChoice& choice) {
  const auto has = [&](std::string_view placeholder) {
    return std::any_of(spec.argv.begin(), spec.argv.end(), [&](const std::string& word) {
      return word.find(placeholder) != std::string::npos;
    });
  };
  if (!choice.exename.empty() && !has(kExename))
    throw Error(FailureKind::invalid,
                "the kernel spec '" + spec.name + "' starts one program only: it takes no exename");
  if (!choice.exeflags.empty() && !has(kExeflags))
    throw Error(FailureKind::invalid, "the kernel spec '" + spec.name + "' takes no exeflags");
  const auto nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (nul(choice.exename) || std::any_of(choice.exeflags.begin(), choice.exeflags.end(), nul))
    throw Error(FailureKind::invalid, "exename and exeflags should contain no NUL");
  if (choice.exename.find('/') != std::string::npos && choice.exename.front() != '/')
    throw Error(FailureKind::invalid, "the exename '" + choice.exename +
                                          "' should be absolute, or a name to be found in PATH");
}

bool found_in_path(const std::string& program, const std::string& path) {
  std::istringstream places(path);
  for (std::string place; std::getline(places, place, ':');)
    if (::access((std::filesystem::path(place) / program).c_str(), X_OK) == 0) return true;
  return false;
}

}  // namespace

Command expand(const KernelSpec& spec, const ExeChoice& choice) {
  check_choice(spec, choice);
  const std::string& exename = choice.exename.empty() ? spec.exename : choice.exename;
  const auto& exeflags = choice.exeflags.empty() ? spec.exeflags : choice.exeflags;
  Command command;
  for (const std::string& word : spec.argv) {
    if (word == kExeflags)
      command.argv.insert(command.argv.end(), exeflags.begin(), exeflags.end());
    else
      command.argv.push_back(fill_in(word, spec, exename));
  }
  if (command.argv.empty() || command.argv.front().empty())
    throw Error(FailureKind::invalid, "the kernel spec '" + spec.name + "' needs an exename");
  std::string& program = command.argv.front();
  if (program.starts_with("oast-kernel-")) program = find_program(program).string();
  for (const auto& [name, value] : spec.env)
    if (auto known = with_our_environment(value))
      command.env[name] = fill_in(std::move(*known), spec, exename);
  return command;
}

std::string problem_of(const KernelSpec& spec) {
  try {
    const Command command = expand(spec);
    const std::string& program = command.argv.front();
    if (program.find('/') != std::string::npos)
      return ::access(program.c_str(), X_OK) == 0 ? "" : program + " cannot be run";
    const auto path = command.env.find("PATH");
    const std::string places = path == command.env.end() ? "/bin:/usr/bin" : path->second;
    return found_in_path(program, places) ? "" : program + " is not in " + places;
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace oast::broker
