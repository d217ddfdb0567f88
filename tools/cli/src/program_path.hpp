// Where the other programs of oast are.
#pragma once

#include <filesystem>
#include <string>

namespace oast::cli {

/// The program `name` beside this one, as it is built; in ../libexec/oast, as daemons are
/// installed; or in $OAST_LIBEXEC. Absolute. Throws std::runtime_error when it is in none of them.
std::filesystem::path program_path(const std::string& name);

}  // namespace oast::cli
