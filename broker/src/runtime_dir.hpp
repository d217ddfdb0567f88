// The directory where a broker lives: its sockets, its token, its lock.
#pragma once

#include <filesystem>
#include <string>

#include "oast/fd.hpp"

namespace oast::broker {

/// Owns one broker directory, mode 0700, locked against other brokers:
/// `control.sock`, `data.sock`, `events.sock`, `token`, `last_id` (mode 0600) and `lock`. Hosts
/// keep the secrets of their sessions in `sessions`, which goes with the broker.
class RuntimeDir {
 public:
  /// Makes or takes over `path`; empty: a private one under runtime_root(), after removing those
  /// that dead brokers left there. Writes the token. Throws Error(invalid) when the path is too
  /// long for a socket, belongs to somebody else, is open to others, or another broker lives there.
  RuntimeDir(const std::filesystem::path& path, const std::string& token);
  /// Removes the files but for `last_id`; the directory too if it was private.
  ~RuntimeDir();
  RuntimeDir(const RuntimeDir&) = delete;
  RuntimeDir& operator=(const RuntimeDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Where an IdSource keeps what no later broker may give again: it stays. Empty for a private
  /// directory, in which there is no later broker.
  std::filesystem::path id_file() const;
  /// "ipc://PATH/NAME.sock"
  std::string endpoint(const std::string& name) const;

 private:
  void remove_all();

  std::filesystem::path path_;
  bool private_;
  Fd lock_;
};

}  // namespace oast::broker
