#include "usage.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "oast/fd.hpp"

namespace oast::kernel {

std::uint64_t resident_bytes() {
  const Fd statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> line{};
  const ssize_t got = statm.get() < 0 ? -1 : ::read(statm.get(), line.data(), line.size());
  if (got <= 0) return 0;
  // "size resident shared ...", in pages.
  std::string_view rest(line.data(), static_cast<std::size_t>(got));
  rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  std::uint64_t pages = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace oast::kernel
