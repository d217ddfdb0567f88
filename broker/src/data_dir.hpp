// The directory of what outlives a broker's memory: logs, and the last id.
#pragma once

#include <filesystem>

#include "oast/fd.hpp"

namespace oast::broker {

/// $XDG_STATE_HOME/oast/NAME, or ~/.local/state/oast/NAME, with a name of its own for each runtime
/// directory; empty where neither variable names a place. Not made.
std::filesystem::path default_data_dir(const std::filesystem::path& runtime_dir);

/// Owns one data directory, mode 0700, locked against other brokers: `logs` (LOG_FORMAT.md),
/// `last_id` and `data.lock`. Its files stay.
class DataDir {
 public:
  /// Makes or takes over `path`; empty: there is none. Throws Error(invalid) when it cannot be
  /// made, or when another broker uses it.
  explicit DataDir(const std::filesystem::path& path);

  /// Where the last id is kept. Precondition: there is a directory.
  std::filesystem::path id_file() const { return path_ / "last_id"; }
  explicit operator bool() const { return !path_.empty(); }

 private:
  std::filesystem::path path_;
  Fd lock_;
};

}  // namespace oast::broker
