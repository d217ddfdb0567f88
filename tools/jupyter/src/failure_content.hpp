// Failures as Jupyter shows them.
#pragma once

#include <string_view>

#include "json.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {

/// ename, evalue and traceback. Of a kernel that died the traceback says how, with the last lines
/// that it wrote to stderr.
Json error_content(const Failure& failure);

}  // namespace oast::jupyter
