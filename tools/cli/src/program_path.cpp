#include "program_path.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace oast::cli {

std::filesystem::path program_path(const std::string& name) {
  std::vector<std::filesystem::path> places;
  if (const char* named = std::getenv("OAST_LIBEXEC"); named && *named) places.emplace_back(named);
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back(self.parent_path());
    places.push_back(self.parent_path().parent_path() / "libexec" / "oast");
  }
  for (const auto& place : places) {
    auto program = std::filesystem::absolute(place / name);
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  throw std::runtime_error("cannot find the program " + name +
                           ": it is neither beside oast nor in ../libexec/oast; $OAST_LIBEXEC may "
                           "say where it is");
}

}  // namespace oast::cli
