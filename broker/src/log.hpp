// The broker's log. Every line carries a stable id, listed in broker/README.md.
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

/// Lines to stderr, from any thread, which never wait for who reads it: a thread of the log's own
/// writes them. While stderr takes nothing (a full pipe, a stopped terminal) the last kLines are
/// kept, and how many others were lost is told when it takes again. Destroying it writes what can
/// be written at once and drops the rest.
class Log {
 public:
  static constexpr std::size_t kLines = 1024;

  /// `level` as spdlog names them: trace, debug, info, warn, err, critical, off.
  explicit Log(const std::string& level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Must not be used after the Log.
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
