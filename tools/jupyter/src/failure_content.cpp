#include "failure_content.hpp"

#include <sstream>
#include <string>

namespace oast::jupyter {
namespace {

std::string name_of(const Failure& failure) {
  if (failure.kind == FailureKind::kernel_died) return "KernelDied";
  return failure.type.empty() ? std::string(to_string(failure.kind)) : failure.type;
}

Json death_lines(const Failure& failure) {
  Json lines = Json::array({"The kernel died: " + failure.message});
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
  if (lines.empty()) lines.push_back(name + ": " + failure.message);
  // An error without words has its name for a message.
  const bool bare = failure.message == failure.type;
  return {{"ename", name},
          {"evalue", bare ? std::string() : failure.message},
          {"traceback", std::move(lines)}};
}

}  // namespace oast::jupyter
