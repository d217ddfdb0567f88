// A real broker process.
#pragma once

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "process.hpp"
#include "scratch_directory.hpp"

namespace oast::test {

/// Of an `oast-broker` that has both its sockets and its logs in the directory.
std::vector<std::string> broker_arguments(const std::filesystem::path& directory);

/// An `oast-broker`. Ended with SIGTERM, and the directory of its own removed, when destroyed.
class DaemonProcess {
 public:
  /// Blocks until it is ready. `config`: the text of its configuration file; empty: none.
  /// `directory`: empty: one of its own.
  explicit DaemonProcess(const std::string& config = {}, std::filesystem::path directory = {});
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  pid_t pid() const { return process_.pid(); }
  /// Sends a signal and reaps it. Blocks.
  void end(int signal);

 private:
  const ScratchDirectory scratch_;
  const std::filesystem::path directory_;
  Process process_;
  std::thread reader_;  ///< of its stderr, so that it never waits for us
};

}  // namespace oast::test
