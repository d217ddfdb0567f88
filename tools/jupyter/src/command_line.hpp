// Commands of `oast jupyter` that are this program's.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace oast::jupyter {

/// Parses, does it, and says what was wrong as `oast` does: gives its exit codes.
int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& action);

}  // namespace oast::jupyter
