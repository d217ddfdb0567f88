// Where Jupyter looks for what is installed.
#pragma once

#include <filesystem>
#include <string_view>

namespace oast::cli {

struct JupyterFolders {
  std::filesystem::path data;    ///< with kernels/ and nbextensions/
  std::filesystem::path config;  ///< with nbconfig/
};

/// A user's: $JUPYTER_DATA_DIR, or jupyter below $XDG_DATA_HOME or ~/.local/share;
/// $JUPYTER_CONFIG_DIR, or
/// ~/.jupyter. Throws std::runtime_error where that needs a home and there is none.
/// Source: "Common directories and file locations" in Jupyter's documentation.
JupyterFolders user_folders();
/// Below a prefix that Jupyter looks below, /usr/local say.
JupyterFolders prefix_folders(const std::filesystem::path& prefix);

/// The file holds `text`, whatever was there; folders on the way are made. Throws
/// std::system_error.
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace oast::cli
