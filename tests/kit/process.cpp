#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "waiting.hpp"

extern char** environ;

namespace oast::test {

namespace {

namespace fs = std::filesystem;

void check(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

/// The third field of proc(5)'s stat, behind the name in parentheses; 0: there is no such thread.
char state_in(const fs::path& stat) {
  std::ifstream file(stat);
  std::string text;
  if (!std::getline(file, text)) return 0;
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= text.size() ? '\0' : text[name_end + 2];
}

fs::path in_proc(pid_t pid, const char* name) {
  return fs::path("/proc") / std::to_string(pid) / name;
}

/// What a child gets for its descriptors, and our ends of it.
class ChildPipes {
 public:
  ChildPipes() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn"); }
  ~ChildPipes() { ::posix_spawn_file_actions_destroy(&actions_); }
  ChildPipes(const ChildPipes&) = delete;
  ChildPipes& operator=(const ChildPipes&) = delete;

  /// The end that stays with us.
  Fd add(int descriptor, int bytes = 0) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) check(errno, "pipe2");
    Fd reads(ends[0]);
    Fd writes(ends[1]);
    if (bytes > 0 && ::fcntl(ends[1], F_SETPIPE_SZ, bytes) < bytes) check(errno, "F_SETPIPE_SZ");
    Fd& theirs = descriptor == STDIN_FILENO ? reads : writes;
    Fd& ours = descriptor == STDIN_FILENO ? writes : reads;
    check(::posix_spawn_file_actions_adddup2(&actions_, theirs.get(), descriptor), "posix_spawn");
    kept_.push_back(std::move(theirs));
    return std::move(ours);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<Fd> kept_;  ///< until the child has them
};

}  // namespace

bool exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

bool lives(pid_t pid) {
  const char state = state_in(in_proc(pid, "stat"));
  return state != 0 && state != 'Z';
}

bool all_stopped(pid_t pid) {
  const fs::directory_iterator threads(in_proc(pid, "task"));
  return std::all_of(begin(threads), end(threads),
                     [](const auto& thread) { return state_in(thread.path() / "stat") == 'T'; });
}

// proc(5): statm counts in pages.
std::uint64_t resident_bytes(pid_t pid) {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream(in_proc(pid, "statm")) >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Process::Process(const std::string& program, std::vector<std::string> arguments,
                 const Pipes& pipes) {
  ChildPipes child_pipes;
  if (pipes.in) in_ = child_pipes.add(STDIN_FILENO);
  if (pipes.out) out_ = child_pipes.add(STDOUT_FILENO);
  if (pipes.err) err_ = child_pipes.add(STDERR_FILENO, pipes.err_bytes);
  // An absolute path stays as it is.
  std::string path = (fs::read_symlink("/proc/self/exe").parent_path() / program).string();
  std::vector<char*> argv{path.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  check(::posix_spawn(&pid_, path.c_str(), child_pipes.actions(), nullptr, argv.data(), environ),
        path);
}

Process::~Process() {
  signal(SIGKILL);
  wait();
}

void Process::signal(int signal) const {
  if (!status_) ::kill(pid_, signal);
}

int Process::wait() {
  if (!status_) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    status_ = status;
  }
  return *status_;
}

std::optional<int> Process::wait_generously() {
  if (status_) return status_;
  const Fd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!ended) check(errno, "pidfd_open");
  pollfd waited{ended.get(), POLLIN, 0};
  const std::chrono::milliseconds most = kGenerous;
  if (::poll(&waited, 1, static_cast<int>(most.count())) != 1) return std::nullopt;
  return wait();
}

bool read_until(int fd, const std::string& wanted) {
  std::string seen;
  std::array<char, 4096> chunk{};
  while (seen.find(wanted) == std::string::npos) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    seen.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace oast::test
