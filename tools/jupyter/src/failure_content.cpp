#include "failure_content.hpp"

#include <algorithm>
#include <sstream>
#include <string>

namespace oast::jupyter {
namespace {

std::string name_of(const Failure& failure) {
  if (failure.kind == FailureKind::kernel_died) return "KernelDied";
  if (failure.kind == FailureKind::remote_exception && failure.type.empty()) return "error";
  return failure.type.empty() ? std::string(to_string(failure.kind)) : failure.type;
}

Json death_lines(const Failure& failure) {
  const std::string& how = failure.death.explanation;
  Json lines = Json::array({"The kernel died: " + (how.empty() ? failure.message : how)});
  if (!failure.death.stderr_tail.empty()) lines.push_back("Its last words on stderr:");
  std::istringstream tail(failure.death.stderr_tail);
  for (std::string line; std::getline(tail, line);) lines.push_back(line);
  return lines;
}

}  // namespace

Json error_content(const Failure& failure) {
  Json lines =
      failure.kind == FailureKind::kernel_died ? death_lines(failure) : Json(failure.traceback);
  const std::string name = name_of(failure);
  // Not every language says in its traceback what was wrong.
  const bool said =
      failure.kind == FailureKind::kernel_died ||
      std::any_of(lines.begin(), lines.end(), [&](const Json& line) {
        return line.get_ref<const std::string&>().find(failure.message) != std::string::npos;
      });
  // An error without words has its name for a message.
  const std::string words = failure.message == name ? "" : failure.message;
  if (!said) lines.insert(lines.begin(), words.empty() ? name : name + ": " + words);
  return {{"ename", name}, {"evalue", words}, {"traceback", std::move(lines)}};
}

}  // namespace oast::jupyter
