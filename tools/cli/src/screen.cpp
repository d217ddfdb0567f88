#include "screen.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>

#include "console.hpp"

namespace oast::cli {
namespace {

// A terminal that is held (Ctrl-S) must not keep a signal waiting.
constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

Screen::Screen() {
  if (tcgetattr(STDIN_FILENO, &saved_) == 0) {
    termios raw = saved_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
  }
  out().write("\x1b[?1049h\x1b[?25l");
}

Screen::~Screen() {
  try {
    out().write("\x1b[?25h\x1b[?1049l", nullptr, kPatience);
  } catch (const std::exception&) {
    // The terminal is gone; there is nothing to give back.
  }
  if (!changed_) return;
  tcflush(STDIN_FILENO, TCIFLUSH);
  tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
}

void Screen::show(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) frame += (i ? "\r\n" : "") + lines[i] + "\x1b[K";
  const bool shown = out().write(frame + "\x1b[J", nullptr, kPatience);
  if (!shown && out().reader_gone()) throw ReaderGone{};
}

std::string Screen::keys() {
  pollfd fd{STDIN_FILENO, POLLIN, 0};
  if (poll(&fd, 1, 0) <= 0) return {};
  std::array<char, 64> keys{};
  const ssize_t n = read(STDIN_FILENO, keys.data(), keys.size());
  return n > 0 ? std::string(keys.data(), static_cast<std::size_t>(n)) : "q";
}

}  // namespace oast::cli
