#include "start_request.hpp"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "oast/error.hpp"

namespace oast::broker {

namespace {

[[noreturn]] void invalid(const std::string& message) {
  throw Error(FailureKind::invalid, message);
}

/// Names stand in tables and on command lines beside ids.
void check_name(const std::string& name) {
  if (!is_name(name))
    invalid("the kernel name '" + name +
            "' should be at most 64 letters, digits, '-', '_' and '.'");
  if (std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    invalid("the kernel name '" + name + "' could be taken for an id: add a letter");
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

void check_environment(const std::vector<std::unique_ptr<wire::EnvVarT>>& env) {
  for (const auto& variable : env) {
    if (variable->name.empty() || variable->name.find('=') != std::string::npos ||
        has_nul(variable->name))
      invalid("'" + variable->name + "' is no name of an environment variable");
    if (has_nul(variable->value)) invalid("the value of " + variable->name + " contains a NUL");
  }
}

}  // namespace

bool is_name(std::string_view name) {
  return name.size() <= 64 && std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

void check(const wire::StartT& request) {
  check_environment(request.env);
  if (!request.cwd.empty() && (request.cwd.front() != '/' || has_nul(request.cwd)))
    invalid("the working directory '" + request.cwd + "' should be an absolute path");
  if (!request.name.empty()) check_name(request.name);
}

}  // namespace oast::broker
