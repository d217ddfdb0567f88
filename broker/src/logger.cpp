#include "logger.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "block_signals.hpp"
#include "oast/fd.hpp"
#include "oast/wake_fd.hpp"

namespace oast::broker {

namespace {

/// stderr's description is shared with other processes, which a flag O_NONBLOCK on it would
/// surprise; so a pipe or a terminal is opened anew. Nothing where that cannot be done.
Fd open_anew() {
  struct stat info {};
  if (::fstat(STDERR_FILENO, &info) != 0 || !(S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)))
    return Fd();
  return Fd(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/// As write(2), and EAGAIN rather than waiting.
ssize_t write_some(const Fd& anew, std::string_view text) {
  // So much a pipe takes as a whole or not at all.
  const std::size_t size = std::min<std::size_t>(text.size(), PIPE_BUF);
  if (anew) return ::write(anew.get(), text.data(), size);
  const auto sent = ::send(STDERR_FILENO, text.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  pollfd fd{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) != 0)
    return ::write(STDERR_FILENO, text.data(), size);
  errno = fd.revents == 0 ? EAGAIN : EIO;
  return -1;
}

enum class Wrote : unsigned char { all, blocked, failed };

/// Takes from the front of `text` what it wrote.
Wrote write_front(const Fd& anew, std::string_view& text) {
  while (!text.empty()) {
    const auto wrote = write_some(anew, text);
    if (wrote > 0)
      text.remove_prefix(static_cast<std::size_t>(wrote));
    else if (wrote < 0 && errno == EAGAIN)
      return Wrote::blocked;
    else if (wrote >= 0 || errno != EINTR)
      return Wrote::failed;
  }
  return Wrote::all;
}

}  // namespace

bool write_to_stderr(std::string_view text) { return write_front(open_anew(), text) == Wrote::all; }

/// Waits for stderr on the logger's thread, and for nothing once it ends.
class StderrLogger::Sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// Before the first line. The pool's thread is the one that calls.
  void count_lost_by(spdlog::details::thread_pool& pool) { pool_ = &pool; }
  void end() {
    ending_ = true;
    wake_.signal();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (const std::size_t lost = pool_->overrun_counter(); lost != told_) {
      const std::string text = "OB601 " + std::to_string(lost - told_) +
                               " lines of this log were lost, as nobody read stderr";
      if (write({message.logger_name, spdlog::level::warn, text})) told_ = lost;
    }
    write(message);
  }
  void flush_() override {}

 private:
  bool write(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    for (;;) {
      const Fd anew = open_anew();
      const auto wrote = write_front(anew, text);
      if (wrote != Wrote::blocked) return wrote == Wrote::all;
      if (ending_) return false;
      // A terminal may forget to tell; hence the timeout.
      std::array fds{pollfd{anew ? anew.get() : STDERR_FILENO, POLLOUT, 0},
                     pollfd{wake_.fd(), POLLIN, 0}};
      ::poll(fds.data(), fds.size(), 1000);
    }
  }

  spdlog::details::thread_pool* pool_ = nullptr;
  std::size_t told_ = 0;
  std::atomic<bool> ending_ = false;
  const wire::WakeFd wake_;
};

StderrLogger::StderrLogger(const std::string& level) : sink_(std::make_shared<Sink>()) {
  // Not in spdlog's registry: a host has its own there, and several brokers.
  if (spdlog::level::from_str(level) == spdlog::level::off) {
    logger_ = std::make_shared<spdlog::logger>("oast", sink_);
  } else {
    pool_ = std::make_shared<spdlog::details::thread_pool>(kLines, 1, [] { block_signals(); });
    sink_->count_lost_by(*pool_);
    logger_ = std::make_shared<spdlog::async_logger>("oast", sink_, pool_,
                                                     spdlog::async_overflow_policy::overrun_oldest);
  }
  logger_->set_level(spdlog::level::from_str(level));
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l oast-broker %v");
}

StderrLogger::~StderrLogger() {
  sink_->end();
  pool_.reset();  // writes what is queued, without waiting
}

}  // namespace oast::broker
