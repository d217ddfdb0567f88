// Output while its callback runs.
#pragma once

#include <cstddef>
#include <memory>

#include "acknowledgements.hpp"
#include "oast/evaluator.hpp"

namespace oast::detail {

class Session;

/// An output is done with when its scope has ended and nobody holds it. Scopes are nested, on the
/// thread that receives.
class OutputScope {
 public:
  OutputScope(Session& session, RecordKey output, std::size_t bytes) noexcept;
  ~OutputScope();
  OutputScope(const OutputScope&) = delete;
  OutputScope& operator=(const OutputScope&) = delete;

  /// Of the innermost scope of this thread. Empty when there is none or its output has no number.
  static OutputHold hold();

 private:
  struct Hold;

  static thread_local OutputScope* innermost;

  Session& session_;
  RecordKey output_;
  OutputScope* const outer_;
  OutputHold hold_;
};

}  // namespace oast::detail
