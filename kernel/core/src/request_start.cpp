#include "oast/kernel/request_start.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "oast/fd.hpp"

namespace oast::kernel {

namespace {

/// No process is started in less.
constexpr std::uint64_t kShortestStartNs = 50'000;
/// Numbers of processes start again from below when they are used up.
constexpr pid_t kWrapped = 16'384;

std::uint64_t boot_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t ticks_of(std::uint64_t ns) {
  static const auto tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return ns / tick_ns;
}

/// The process that was started last: the last word of /proc/loadavg, proc(5). 0 when unknown.
pid_t last_process() {
  const Fd file(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  if (::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  const char* last_space = std::strrchr(text.data(), ' ');
  return last_space == nullptr ? 0 : static_cast<pid_t>(std::atol(last_space));
}

/// Fields 4 and 22 of /proc/PID/stat, proc(5).
struct Origin {
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
};

/// Zeros when the process is gone. The name in field 2 may hold anything, so the last parenthesis
/// counts.
Origin origin_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  const auto end_of_name = text.rfind(')');
  Origin origin;
  if (end_of_name == std::string::npos) return origin;
  std::istringstream fields(text.substr(end_of_name + 1));
  std::string word;
  fields >> word >> origin.parent;
  for (int field = 5; field < 22; ++field) fields >> word;
  fields >> origin.start_ticks;
  return origin;
}

bool started_since(const RequestStart& since, pid_t pid, std::uint64_t ticks) {
  if (ticks != since.ticks) return ticks > since.ticks;
  return pid > since.last_before || since.last_before - pid > kWrapped;
}

/// Whether it and all between it and this process started since. One whose parent has ended may be
/// anybody's.
bool descends_since(const RequestStart& since, pid_t pid) {
  const pid_t self = ::getpid();
  while (pid != self) {
    const Origin origin = origin_of(pid);
    if (origin.parent <= 0 || !started_since(since, pid, origin.start_ticks)) return false;
    pid = origin.parent;
  }
  return true;
}

}  // namespace

void RequestStarts::begin() {
  const std::uint64_t last_began_ns = began_ns_;
  began_ns_ = boot_ns();
  const std::uint64_t ticks = ticks_of(began_ns_);
  const bool same_tick = ticks == ticks_of(ended_ns_);
  if (same_tick && ended_ns_ - last_began_ns >= kShortestStartNs)
    current_.last_before = last_process();
  else if (ticks != current_.ticks)
    current_.last_before = 0;
  current_.ticks = ticks;
}

void RequestStarts::end() { ended_ns_ = boot_ns(); }

std::vector<pid_t> children_since(const RequestStart& since) {
  std::vector<pid_t> found;
  const pid_t self = ::getpid();
  if (::getpgrp() != self) return found;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return found;
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = static_cast<pid_t>(std::atol(entry->d_name));
    if (pid > 0 && pid != self && ::getpgid(pid) == self && descends_since(since, pid))
      found.push_back(pid);
  }
  return found;
}

}  // namespace oast::kernel
