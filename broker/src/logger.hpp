// The broker's logger. Every line of it carries a stable id, listed in broker/README.md.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>

namespace spdlog::details {
class thread_pool;
}

namespace oast::broker {

using Logger = std::shared_ptr<spdlog::logger>;

/// Lines to stderr, from any thread, which never wait for who reads it: a thread of its own
/// writes them. While stderr takes nothing (a full pipe, a stopped terminal) the last kLines are
/// kept, and how many others were lost is told when it takes again. Destroying it writes what can
/// be written at once and drops the rest.
class StderrLogger {
 public:
  static constexpr std::size_t kLines = 1024;

  /// `level` as spdlog names them: trace, debug, info, warn, err, critical, off.
  explicit StderrLogger(const std::string& level);
  ~StderrLogger();
  StderrLogger(const StderrLogger&) = delete;
  StderrLogger& operator=(const StderrLogger&) = delete;

  /// Must not be used after the StderrLogger.
  Logger logger() const { return logger_; }

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  Logger logger_;
};

/// Writes to stderr what it takes without waiting. False when that is not all.
bool write_to_stderr(std::string_view text);

}  // namespace oast::broker
