#include "wake_event.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace oast::cli {

WakeEvent::WakeEvent() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void WakeEvent::set() noexcept {
  set_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // Only a counter at its maximum refuses, and then it is readable anyway.
  [[maybe_unused]] const auto written = write(fd_.get(), &one, sizeof one);
}

void WakeEvent::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_.get(), &count, sizeof count);
  set_.store(false, std::memory_order_release);
}

}  // namespace oast::cli
