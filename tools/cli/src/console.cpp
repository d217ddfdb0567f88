#include "console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace oast::cli {
namespace {

// A pipe that polls writable takes so many bytes without blocking.
constexpr std::size_t kAtOnce = 4096;

bool wants_colours() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (!no_color || !*no_color) && term && std::string_view(term) != "dumb";
}

// Waits until `fd` takes bytes; false when `cancel` rang first, or it does not in time.
bool writable(int fd, const WakeEvent* cancel, std::chrono::milliseconds patience) {
  std::array<pollfd, 2> fds{{{fd, POLLOUT, 0}, {cancel ? cancel->fd() : -1, POLLIN, 0}}};
  int ready = 0;
  while ((ready = poll(fds.data(), fds.size(), static_cast<int>(patience.count()))) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
  return ready > 0 && fds[1].revents == 0;
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "\x1b[1m";
    case Style::dim:
      return "\x1b[2m";
    case Style::red:
      return "\x1b[31m";
    case Style::green:
      return "\x1b[32m";
    case Style::yellow:
      return "\x1b[33m";
    case Style::cyan:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

Writer::Writer(int fd)
    : fd_(fd), terminal_(isatty(fd) == 1), colours_(terminal_ && wants_colours()) {}

bool Writer::write(std::string_view text, const WakeEvent* cancel,
                   std::chrono::milliseconds patience) {
  const std::lock_guard lock(mutex_);
  while (!text.empty() && !reader_gone_) {
    if (!writable(fd_, cancel, patience)) return false;
    const ssize_t n = ::write(fd_, text.data(), std::min(text.size(), kAtOnce));
    if (n > 0) {
      line_start_ = text[static_cast<std::size_t>(n) - 1] == '\n';
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      reader_gone_ = true;
    } else if (errno != EINTR && errno != EAGAIN) {
      throw std::system_error(errno, std::generic_category(),
                              fd_ == STDOUT_FILENO ? "cannot write to stdout" : "cannot write");
    }
  }
  return !reader_gone_;
}

void Writer::print(std::string_view text) {
  if (!write(text)) throw ReaderGone{};
}

bool Writer::at_line_start() const {
  const std::lock_guard lock(mutex_);
  return line_start_;
}

bool Writer::reader_gone() const {
  const std::lock_guard lock(mutex_);
  return reader_gone_;
}

Writer& out() {
  static Writer writer(STDOUT_FILENO);
  return writer;
}

Writer& err() {
  static Writer writer(STDERR_FILENO);
  return writer;
}

void say(std::string_view text, const WakeEvent* cancel, std::chrono::milliseconds patience) {
  try {
    err().write(text, cancel, patience);
  } catch (const std::system_error&) {
    // There is nowhere left to say that standard error is broken.
  }
}

void complain(std::string_view text, std::chrono::milliseconds patience) {
  say("oast: " + std::string(text) + "\n", nullptr, patience);
}

WindowSize window_size(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string styled(const Writer& writer, Style style, std::string_view text) {
  if (!writer.colours() || style == Style::plain) return std::string(text);
  return std::string(code_of(style)) + std::string(text) + "\x1b[0m";
}

void ensure_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The wrong direction on purpose: using it is still an error.
    const int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (open("/dev/null", flags) != fd) std::abort();
  }
}

}  // namespace oast::cli
