// The secret that proves whose session it is.
#pragma once

#include <filesystem>
#include <string>

namespace oast::detail {

/// The secret of a session: the file `sessions/NAME` in the broker's directory, made with mode 0600
/// by whoever is first. Throws Error(invalid) for a name that is no file's, permission_denied when
/// the file is not ours alone.
std::string session_secret(const std::filesystem::path& directory, const std::string& name);

}  // namespace oast::detail
