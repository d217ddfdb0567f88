#include "capture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace oast::kernel {

namespace {

/// What is read at once.
constexpr std::size_t kPiece = std::size_t{16} * 1024;
/// A pipe holds as much unless somebody enlarged it.
constexpr std::size_t kPipeBytes = std::size_t{64} * 1024;
constexpr std::size_t kLargestPipe = std::size_t{1} << 20;
constexpr std::size_t kLastWords = 4096;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// Descriptor 2 as an open file of its own where that is possible, so that it alone need not block.
Fd private_stderr() {
  const int reopened = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC);
  if (reopened >= 0) return Fd(reopened);
  const int copied = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (copied < 0) fail("cannot keep stderr");
  return Fd(copied);
}

/// Replaces `fd` by the writing end of a new pipe; returns the reading end.
Fd redirect(int fd) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe");
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  if (::fcntl(reading.get(), F_SETFL, O_NONBLOCK) != 0) fail("cannot set up a pipe");
  if (::dup2(writing.get(), fd) < 0) fail("cannot redirect output");
  return reading;
}

}  // namespace

Capture::Capture()
    : raw_(private_stderr()),
      out_(redirect(STDOUT_FILENO)),
      err_(redirect(STDERR_FILENO)),
      chunk_(kPiece) {}

Capture::~Capture() { give_back(); }

void Capture::drain(const Sink& sink, const std::function<bool()>& wanted) {
  std::array<pollfd, 2> fds{{{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}}};
  int ready = 0;
  do ready = ::poll(fds.data(), fds.size(), 0);
  while (ready < 0 && errno == EINTR);
  if (ready <= 0) return;
  if ((fds[0].revents & POLLIN) != 0) read_all(out_.get(), Stream::out, sink, wanted);
  if ((fds[1].revents & POLLIN) != 0) read_all(err_.get(), Stream::err, sink, wanted);
}

void Capture::read_all(int fd, Stream stream, const Sink& sink,
                       const std::function<bool()>& wanted) {
  // Bounded, because who writes without end may do so faster than this reads.
  for (std::size_t total = 0; total < kLargestPipe && wanted();) {
    const ssize_t got = ::read(fd, chunk_.data(), chunk_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    sink(stream, {chunk_.data(), static_cast<std::size_t>(got)});
    if (static_cast<std::size_t>(got) < chunk_.size()) return;
    total += static_cast<std::size_t>(got);
  }
}

void Capture::tee(std::string_view text) const noexcept {
  const std::string_view last = text.substr(text.size() - std::min(text.size(), kLastWords));
  [[maybe_unused]] const ssize_t shown = ::write(raw_.get(), last.data(), last.size());
}

void Capture::rescue() const noexcept {
  std::array<char, 1024> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  for (std::size_t total = 0; total < kPipeBytes;) {
    const ssize_t got = ::read(err_.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    tee({chunk.data(), static_cast<std::size_t>(got)});
    total += static_cast<std::size_t>(got);
  }
}

void Capture::give_back() const noexcept {
  ::dup2(raw_.get(), STDOUT_FILENO);
  ::dup2(raw_.get(), STDERR_FILENO);
}

}  // namespace oast::kernel
