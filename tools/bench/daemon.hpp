// An oast-broker of our own.
#pragma once

#include <array>
#include <filesystem>
#include <memory>

#include "child.hpp"

namespace oast::bench {

/// A fresh directory, removed with everything in it when the object goes.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The daemon, found beside this program or where it is installed.
class Daemon {
 public:
  /// Blocks until the daemon is ready, at most ten seconds. Throws std::runtime_error. As for
  /// Child, the process must have one thread.
  explicit Daemon(const std::filesystem::path& directory);
  /// SIGTERM, as a person would, so that it tidies up.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  pid_t pid() const { return process_->pid(); }

 private:
  std::array<int, 2> log_;  ///< a pipe; kept open, its few lines are not read
  std::unique_ptr<Child> process_;
};

}  // namespace oast::bench
