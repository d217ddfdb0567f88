#include "install_paths.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <vector>

#include "oast/error.hpp"

namespace oast::broker {

namespace fs = std::filesystem;

namespace {

/// The directory of the file that this code was loaded from: liboast.so, or a program.
fs::path own_directory() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_directory), &info) == 0) return {};
  return fs::absolute(info.dli_fname).parent_path();
}

}  // namespace

fs::path find_program(const std::string& name) {
  std::vector<fs::path> places;
  if (const char* libexec = std::getenv("OAST_LIBEXEC"))  // NOLINT(concurrency-mt-unsafe)
    places.emplace_back(libexec);
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error) {
    places.push_back(self);
    places.push_back(self.parent_path() / "libexec" / "oast");
  }
  const fs::path library = own_directory();  // lib, or lib/x86_64-linux-gnu
  places.push_back(library.parent_path() / "libexec" / "oast");
  places.push_back(library.parent_path().parent_path() / "libexec" / "oast");
  places.emplace_back(OAST_INSTALLED_LIBEXEC);
  places.emplace_back(OAST_BUILT_PROGRAMS);
  for (const auto& place : places)
    if (::access((place / name).c_str(), X_OK) == 0) return place / name;
  throw Error(FailureKind::not_found,
              "the program " + name + " is not installed; set OAST_LIBEXEC to its directory");
}

fs::path find_kernel_library() {
  constexpr const char* kName = "liboast_kernel.so";
  std::vector<fs::path> places;
  if (const char* libexec = std::getenv("OAST_LIBEXEC"))  // NOLINT(concurrency-mt-unsafe)
    for (const char* way : {"../lib", "../../lib", "../../" OAST_LIBDIR})
      places.push_back(fs::path(libexec) / way);
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error)
    for (const char* way : {"../lib", "../" OAST_LIBDIR, "../../lib", "../../" OAST_LIBDIR})
      places.push_back(self / way);
  places.emplace_back(OAST_INSTALLED_LIBDIR);
  places.emplace_back(OAST_BUILT_LIBRARIES);
  for (const auto& place : places)
    if (fs::exists(place / kName, error)) return (place / kName).lexically_normal();
  throw Error(FailureKind::not_found,
              std::string(kName) + ", the kernel SDK's library, is not installed");
}

fs::path find_share() {
  std::vector<fs::path> places;
  if (const char* libexec = std::getenv("OAST_LIBEXEC"))  // NOLINT(concurrency-mt-unsafe)
    places.push_back(fs::path(libexec) / "../../share/oast");
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error && self == OAST_BUILT_PROGRAMS) places.emplace_back(OAST_SOURCE_ENGINES);
  if (!error) {
    places.push_back(self / "../share/oast");
    places.push_back(self / "../../share/oast");
  }
  places.emplace_back(OAST_INSTALLED_SHARE);
  places.emplace_back(OAST_SOURCE_ENGINES);
  for (const auto& place : places)
    if (fs::is_directory(place, error)) return place.lexically_normal();
  return {};
}

}  // namespace oast::broker
