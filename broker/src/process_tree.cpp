#include "process_tree.hpp"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <vector>

namespace oast::broker {

namespace {

/// Parent of `pid`, or 0 when it is gone. Zombies count: one may be the first thread of a process
/// whose others live on. proc(5): "pid (comm) state ppid ..."; comm may hold
/// anything, so the last parenthesis counts.
pid_t parent_of(pid_t pid) {
  char path[64];
  char text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  const auto size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[size] = '\0';
  const char* end_of_name = std::strrchr(text, ')');
  if (end_of_name == nullptr || std::strlen(end_of_name) < 5) return 0;
  return static_cast<pid_t>(std::atol(end_of_name + 4));
}

std::set<pid_t> descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  if (DIR* proc = ::opendir("/proc")) {
    while (const dirent* entry = ::readdir(proc)) {
      const auto pid = static_cast<pid_t>(std::atol(entry->d_name));
      if (pid > 0) children.emplace(parent_of(pid), pid);
    }
    ::closedir(proc);
  }
  std::set<pid_t> found;
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = first; child != last; ++child)
      if (found.insert(child->second).second) open.push_back(child->second);
  }
  return found;
}

}  // namespace

void signal_descendants(int signal) {
  std::set<pid_t> signalled;
  for (;;) {
    const auto living = descendants(::getpid());
    bool news = false;
    for (const pid_t pid : living)
      if (signalled.insert(pid).second) {
        ::kill(pid, signal);
        news = true;
      }
    // What was born while we looked inherits nothing of a SIGKILL: look again.
    if (!news || signal != SIGKILL) return;
  }
}

}  // namespace oast::broker
