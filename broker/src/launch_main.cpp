// oast-launch GRACE_MS CWD PROGRAM [ARGS...]: runs one kernel and ends with it.
//
// It stands between a broker and a kernel so that no process of the kernel can be left behind:
// - it is the sub-reaper (prctl(2), PR_SET_CHILD_SUBREAPER) of everything the kernel starts, also
// of
//   what daemonizes, so it can find and end all of it;
// - its stdin tells it when the broker dies, however that dies, and it ends the tree after the
//   grace; so does the broker's process, as a fork of it may keep the other end of stdin open;
// - it prepares the kernel's process in code that runs in a small process with one thread.
// It leaves with the kernel's own exit code, or by the kernel's own signal.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "kernel_limits.hpp"
#include "launch_protocol.hpp"
#include "process_tree.hpp"

namespace {

using namespace oast::broker;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxDetails = 65'536;
constexpr int kAgainMs = 100;  // between looks at what outlives the kernel
constexpr auto kTermTime = std::chrono::seconds(2);

[[noreturn]] void die(int code, const char* what, const char* which) {
  std::fprintf(stderr, "oast-launch: %s %s: %s\n", what, which, std::strerror(errno));
  std::_Exit(code);
}

/// The line with its newline; empty when the broker went away first.
std::string read_details() {
  std::string line;
  char byte = 0;
  while (line.size() < kMaxDetails) {
    const auto got = ::read(0, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    line += byte;
    if (byte == '\n') return line;
  }
  return {};
}

/// In the child, between fork and exec.
[[noreturn]] void become_kernel(int details_fd, const char* cwd, char** argv, pid_t launcher) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launcher) std::_Exit(0);
  ::dup2(details_fd, 0);
  set_kernel_limits();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir(cwd) != 0) die(launch::kCannotEnterDirectory, "cannot enter", cwd);
  ::execvp(argv[0], argv);
  die(launch::kCannotRun, "cannot run", argv[0]);
}

class Launch {
 public:
  /// `broker`: readable when its process has ended, or -1.
  Launch(pid_t kernel, std::chrono::milliseconds grace, int broker)
      : kernel_(kernel), grace_(grace), broker_(broker) {}

  /// Returns the kernel's wait status, when everything is gone.
  int run(int child_signals) {
    while (!finished()) {
      pollfd fds[] = {{child_signals, POLLIN, 0},
                      {broker_gone_ ? -1 : 0, POLLIN, 0},
                      {broker_gone_ ? -1 : broker_, POLLIN, 0}};
      ::poll(fds, 3, timeout());
      if (fds[0].revents != 0) {
        signalfd_siginfo ignored{};
        while (::read(child_signals, &ignored, sizeof ignored) > 0) {
        }
      }
      reap();
      if (fds[1].revents != 0) obey();
      if (fds[2].revents != 0 && !broker_gone_) lose_broker();
      end_if_due();
    }
    return *status_;
  }

 private:
  bool finished() const { return status_ && none_left_; }

  int timeout() const {
    if (status_) return kAgainMs;
    if (!deadline_) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left);
  }

  void reap() {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid == 0) break;
      if (pid < 0) {
        none_left_ = errno == ECHILD;
        break;
      }
      if (pid == kernel_) status_ = status;
    }
    // The kernel is the reason for all the others.
    if (status_ && !none_left_) signal_descendants(SIGKILL);
  }

  void obey() {
    char command[2];
    const auto got = ::read(0, command, sizeof command);
    if (got == sizeof command && command[0] == launch::kSignalKernel && !status_) {
      ::kill(kernel_, command[1]);
    } else if (got == sizeof command && command[0] == launch::kSignalTree) {
      signal_descendants(command[1]);
    } else if (got == 0 || (got < 0 && errno != EINTR)) {
      lose_broker();
    }
  }

  void lose_broker() {
    broker_gone_ = true;
    deadline_ = Clock::now() + grace_;
  }

  void end_if_due() {
    if (!deadline_ || Clock::now() < *deadline_) return;
    signal_descendants(asked_ ? SIGKILL : SIGTERM);
    asked_ = true;
    deadline_ = Clock::now() + kTermTime;
  }

  const pid_t kernel_;
  const std::chrono::milliseconds grace_;
  const int broker_;
  bool broker_gone_ = false;
  bool asked_ = false;
  bool none_left_ = false;
  std::optional<Clock::time_point> deadline_;
  std::optional<int> status_;
};

/// Ends as the kernel ended, so that whoever waits for this process learns it.
[[noreturn]] void leave_like(int status) {
  if (WIFEXITED(status)) std::_Exit(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: oast-launch GRACE_MS CWD PROGRAM [ARGS...]; the broker runs it\n", stderr);
    return 2;
  }
  const std::chrono::milliseconds grace(std::atol(argv[1]));
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Blocked and not ignored: the kernel gets its own, default, dispositions. A signal meant for the
  // terminal or the broker must not end this process before the kernel.
  sigset_t blocked;
  ::sigfillset(&blocked);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  const int child_signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);

  const auto broker =
      static_cast<int>(::syscall(SYS_pidfd_open, ::getppid(), 0));  // close-on-exec by itself
  const std::string details = read_details();
  if (details.empty()) return 0;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) die(launch::kCannotRun, "cannot make a pipe for", argv[3]);
  const pid_t launcher = ::getpid();
  const pid_t kernel = ::fork();
  if (kernel < 0) die(launch::kCannotRun, "cannot start", argv[3]);
  if (kernel == 0) become_kernel(ends[0], argv[2], argv + 3, launcher);
  ::setpgid(kernel, kernel);  // here too: whoever is first
  ::close(ends[0]);
  // The write end stays open until this process ends: its end of file tells the kernel.
  [[maybe_unused]] const auto written = ::write(ends[1], details.data(), details.size());
  leave_like(Launch(kernel, grace, broker).run(child_signals));
}
