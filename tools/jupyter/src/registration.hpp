// Bridges that run, as `oast jupyter list` finds them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "json.hpp"
#include "oast/fd.hpp"

namespace oast::jupyter {

/// What a bridge says of itself to programs of its user: a file of mode 0600, locked (flock(2)) for
/// as long as the bridge lives, so that one that was killed is known to be gone.
class Registration {
 public:
  /// Makes the file. Throws std::system_error, Error(permission_denied) when others may enter the
  /// folder.
  Registration();
  ~Registration();
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  /// Replaces what it says. Throws std::system_error.
  void tell(const Json& about) const;

 private:
  std::filesystem::path path_;
  Fd file_;
};

/// What those that run say, by the number of their process. Removes the files of those that are
/// gone.
std::vector<Json> running_bridges();

/// oast jupyter list; gives the exit code.
int list_bridges(int argc, char** argv);

}  // namespace oast::jupyter
