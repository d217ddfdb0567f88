// Options of C as those of C++.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api_boundary.hpp"
#include "oast/oast.hpp"

namespace oast::c {

inline std::vector<std::string> strings(const char* const* texts, std::size_t count) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i)
    result.emplace_back(&need((&need(texts, "an array of texts"))[i], "a text"));
  return result;
}

inline std::map<std::string, std::string> variables(const oast_variable* given, std::size_t count) {
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < count; ++i) {
    const oast_variable& one = (&need(given, "the environment"))[i];
    result[&need(one.name, "the name of a variable")] = &need(one.value, "the value of a variable");
  }
  return result;
}

inline InterruptOptions interrupt_options(const oast_interrupt_options* options) {
  const auto given = read_options(options);
  return {.timeout = milliseconds_or(given.timeout_ms, 2000), .escalate = given.escalate != 0};
}

inline StopOptions stop_options(const oast_stop_options* options) {
  const auto given = read_options(options);
  return {.exit_timeout = milliseconds_or(given.exit_timeout_ms, 15000),
          .term_timeout = milliseconds_or(given.term_timeout_ms, 15000)};
}

}  // namespace oast::c
