#include "explain.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "console.hpp"

namespace oast::cli {
namespace {

// Every line of `text`, indented.
std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) out += "    " + line + "\n";
  return out;
}

std::string explain_death(const Failure& failure) {
  const bool says_so = failure.message.find("died") != std::string::npos;
  std::string text = "oast: " + std::string(says_so ? "" : "the kernel died: ");
  text += failure.message + "\n";
  if (failure.message.find(failure.death.explanation) == std::string::npos) {
    text += indented(failure.death.explanation);
  }
  if (!failure.death.stderr_tail.empty()) {
    text += "oast: the last it wrote to stderr:\n" + indented(failure.death.stderr_tail);
  }
  return text;
}

/// Some languages, as Python, end a traceback with the error itself: nothing needs to be added.
bool traceback_says_all(const Failure& failure) {
  const auto names_it = [&](const std::string& line) { return line.starts_with(failure.type); };
  return !failure.type.empty() && std::ranges::any_of(failure.traceback, names_it);
}

std::string explain_error(const Failure& failure) {
  if (traceback_says_all(failure)) {
    std::string text;
    for (const std::string& line : failure.traceback) text += line + "\n";
    return text;
  }
  std::string text = styled(err(), Style::red, "error: ") + failure.message + "\n";
  if (!failure.traceback.empty()) {
    text += styled(err(), Style::dim, "traceback, innermost last:") + "\n";
  }
  for (const std::string& line : failure.traceback) text += indented(line);
  return text;
}

}  // namespace

void explain(const Failure& failure, const WakeEvent* cancel) {
  const bool died = failure.kind == FailureKind::kernel_died;
  const bool raised = failure.kind == FailureKind::remote_exception;
  say(died     ? explain_death(failure)
      : raised ? explain_error(failure)
               : "oast: " + failure.message + "\n",
      cancel);
}

std::string death_text(const Death& death) {
  if (!death.explanation.empty()) return death.explanation;
  if (death.signal != 0) return "killed by " + death.signal_name;
  if (death.exit_code >= 0) return "exited with code " + std::to_string(death.exit_code);
  return std::string(to_string(death.cause));
}

std::string end_text(const Death& death) {
  if (death.signal != 0) return "ended by " + death.signal_name;
  if (death.exit_code >= 0) return "ended with exit code " + std::to_string(death.exit_code);
  return death_text(death);
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g s", seconds);
  return text.data();
}

}  // namespace oast::cli
