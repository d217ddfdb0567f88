#include "line_reader.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace oast::cli {

std::optional<std::string> LineReader::line(const WakeEvent& cancel) {
  const std::lock_guard lock(mutex_);
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string result = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return result;
    }
    searched = buffer_.size();
    if (fill(cancel)) continue;
    if (cancel.is_set() || buffer_.empty()) return std::nullopt;
    return std::exchange(buffer_, {});  // the last line need not end in a newline
  }
}

std::optional<std::string> LineReader::block(std::size_t most, const WakeEvent& cancel) {
  const std::lock_guard lock(mutex_);
  if (buffer_.empty() && !fill(cancel)) return std::nullopt;
  if (buffer_.size() <= most) return std::exchange(buffer_, {});
  std::string result = buffer_.substr(0, most);
  buffer_.erase(0, most);
  return result;
}

std::string LineReader::rest(const WakeEvent& cancel) {
  const std::lock_guard lock(mutex_);
  while (fill(cancel)) {
  }
  return std::exchange(buffer_, {});
}

bool LineReader::fill(const WakeEvent& cancel) {
  std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {cancel.fd(), POLLIN, 0}}};
  for (;;) {
    if (poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (fds[1].revents != 0) return false;
    std::array<char, 65536> block;
    const ssize_t n = read(fd_, block.data(), block.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    buffer_.append(block.data(), static_cast<std::size_t>(n));
    return true;
  }
}

LineReader& input() {
  static LineReader reader(STDIN_FILENO);
  return reader;
}

EchoOff::EchoOff(int fd) : fd_(fd) {
  termios settings{};
  if (tcgetattr(fd_, &settings) != 0 || (settings.c_lflag & ECHO) == 0) return;
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  changed_ = tcsetattr(fd_, TCSAFLUSH, &settings) == 0;
}

EchoOff::~EchoOff() {
  termios settings{};
  if (!changed_ || tcgetattr(fd_, &settings) != 0) return;
  settings.c_lflag |= ECHO;
  tcsetattr(fd_, TCSAFLUSH, &settings);
}

}  // namespace oast::cli
