// Waking a thread that sleeps in poll.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace oast::wire {

/// An eventfd; signalling one that is signalled changes nothing. Thread-safe.
class WakeFd {
 public:
  WakeFd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~WakeFd() { ::close(fd_); }
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  int fd() const { return fd_; }
  void signal() const { ::eventfd_write(fd_, 1); }
  void clear() const {
    eventfd_t ignored = 0;
    ::eventfd_read(fd_, &ignored);
  }

 private:
  int fd_;
};

}  // namespace oast::wire
