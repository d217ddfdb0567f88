// Steps that are each done whatever became of the others.
#pragma once

#include <exception>

#include "logger.hpp"

namespace oast::broker {

/// Does one of them; a failure is logged.
template <class Step>
void attempt(const Logger& log, const Step& step) noexcept {
  try {
    step();
  } catch (const std::exception& error) {
    try {
      log->error("OB108 a step of a kernel's end failed: {}", error.what());
    } catch (...) {  // NOLINT(bugprone-empty-catch): the log is one of the steps
    }
  }
}

}  // namespace oast::broker
