// Where oast's own programs are.
#pragma once

#include <filesystem>
#include <string>

namespace oast::broker {

/// The program `name` ("oast-launch"): in $OAST_LIBEXEC, beside the running program, in
/// ../libexec/oast of it or of the library that this is in, where oast was installed, or where it
/// was built. Throws Error(not_found).
std::filesystem::path find_program(const std::string& name);

/// liboast_kernel.so, looked for in the same places. Throws Error(not_found).
std::filesystem::path find_kernel_library();

/// The directory with a directory for every engine that is not a program of oast's own:
/// share/oast of an installed oast, kernel/engines of one that was built here. Empty: there is
/// none.
std::filesystem::path find_share();

}  // namespace oast::broker
