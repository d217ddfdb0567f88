// What an engine threw, as the failure that a request ends with.
#pragma once

#include <string>

#include "oast/error.hpp"

namespace oast::kernel {

Failure make_failure(FailureKind kind, std::string message);

/// Of the exception that is being handled, whatever it is.
Failure failure_of_exception();

}  // namespace oast::kernel
