#include "jupyter_folders.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace oast::cli {
namespace {

std::filesystem::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::filesystem::path below_home(const char* path) {
  const auto home = from_environment("HOME");
  if (home.empty()) throw std::runtime_error("there is no $HOME to install below");
  return home / path;
}

}  // namespace

JupyterFolders user_folders() {
  JupyterFolders folders{from_environment("JUPYTER_DATA_DIR"),
                         from_environment("JUPYTER_CONFIG_DIR")};
  if (folders.data.empty()) {
    const auto data = from_environment("XDG_DATA_HOME");
    folders.data = (data.empty() ? below_home(".local/share") : data) / "jupyter";
  }
  if (folders.config.empty()) folders.config = below_home(".jupyter");
  return folders;
}

JupyterFolders prefix_folders(const std::filesystem::path& prefix) {
  return {prefix / "share/jupyter", prefix / "etc/jupyter"};
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
}

}  // namespace oast::cli
