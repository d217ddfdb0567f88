// oast-launch GRACE_MS CWD PROGRAM [ARGS...]: runs one kernel and ends with it.
//
// It stands between a broker and a kernel so that no process of the kernel can be left behind. It
// is two processes, the guard and its child, the launcher:
// - both are sub-reapers (prctl(2), PR_SET_CHILD_SUBREAPER) of everything the kernel starts, also
//   of what daemonizes, so that they can find and end all of it. Kernel code may kill either: what
//   is left falls to the other;
// - both know of the broker's death, however it dies, by a pidfd of its process; the launcher ends
//   the tree after the grace. Kernel code may stop either: the other wakes it;
// - the launcher prepares the kernel's process in code that runs in a small process with one
//   thread; it obeys the broker's commands and reports how the kernel ended.
//
// The broker takes the tree for gone when both have closed its command socket.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
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
/// From the end of a kernel to SIGKILL for what it left running, as Python's resource tracker,
/// which removes the shared memory of those that ended before it.
constexpr auto kDescendantsTermTime = std::chrono::milliseconds(500);
/// From SIGTERM to SIGKILL once the broker is gone. The kernels of an embedding host, which have no
/// grace, are to be gone within a second.
constexpr auto kTermTime = std::chrono::seconds(2);
constexpr auto kShortTermTime = std::chrono::milliseconds(300);
/// How much later than the launcher should have, the guard ends the tree by itself.
constexpr auto kLate = std::chrono::seconds(2);

/// What the broker learns of the kernel's end.
void report(int status) { ::send(0, &status, sizeof status, MSG_DONTWAIT | MSG_NOSIGNAL); }

[[noreturn]] void die(int code, const char* what, const char* which) {
  std::fprintf(stderr, "oast-launch: %s %s: %s\n", what, which, std::strerror(errno));
  std::_Exit(code);
}

/// Without a kernel that could report by its own end.
[[noreturn]] void fail(const char* what, const char* which) {
  report(launch::kCannotRun << 8);  // a wait status
  die(launch::kCannotRun, what, which);
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

/// A descriptor that is readable when a child changed its state. Everything else is blocked, and
/// not ignored: the kernel gets its own, default, dispositions. A signal meant for the terminal or
/// the broker must not end this process before the kernel.
int block_signals() {
  sigset_t blocked;
  ::sigfillset(&blocked);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGCHLD);
  ::sigaddset(&wanted, SIGCONT);  // of who wakes a process that may be stopped
  return ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

void drain(int signals) {
  signalfd_siginfo ignored{};
  while (::read(signals, &ignored, sizeof ignored) > 0) {
  }
}

/// Ends what is left below this process.
class DescendantTermination {
 public:
  /// To be called again and again until there is nothing.
  void end() {
    const auto now = Clock::now();
    if (!due_) {
      due_ = now + kDescendantsTermTime;
      signal_descendants(SIGTERM);
    } else if (now >= *due_) {
      signal_descendants(SIGKILL);
    }
  }
  bool begun() const { return due_.has_value(); }

 private:
  std::optional<Clock::time_point> due_;
};

/// The process between the guard and the kernel.
class Launch {
 public:
  /// `guard`: readable when its process has ended.
  Launch(pid_t kernel, std::chrono::milliseconds grace, int guard)
      : kernel_(kernel), grace_(grace), guard_(guard) {}

  /// Returns the kernel's wait status, when everything is gone.
  int run(int signals) {
    while (!finished()) {
      pollfd fds[] = {{signals, POLLIN, 0},
                      {broker_gone_ ? -1 : 0, POLLIN, 0},
                      {broker_gone_ ? -1 : launch::kBrokerFd, POLLIN, 0},
                      {guard_gone_ ? -1 : guard_, POLLIN, 0}};
      ::poll(fds, 4, timeout());
      drain(signals);
      reap();
      if (fds[1].revents != 0) obey();
      if (fds[2].revents != 0 && !broker_gone_) lose_broker();
      if (fds[3].revents != 0) guard_gone_ = true;
      end_if_due();
    }
    ::syscall(SYS_pidfd_send_signal, guard_, SIGCONT, nullptr, 0);
    return *status_;
  }

 private:
  bool finished() const { return status_ && none_left_; }

  int timeout() const {
    if (status_ || guard_gone_) return kAgainMs;
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
    if (status_ && !none_left_) termination_.end();
  }

  void obey() {
    char command[2];
    const auto got = ::read(0, command, sizeof command);
    if (got == sizeof command && command[0] == launch::kSignalKernel) {
      if (!status_) ::kill(kernel_, command[1]);
    } else if (got == sizeof command && command[0] == launch::kSignalTree) {
      command[1] == SIGKILL ? kill_kernel() : signal_descendants(command[1]);
    } else if (got == 0 || (got < 0 && errno != EINTR)) {
      lose_broker();
    }
  }

  void lose_broker() {
    broker_gone_ = true;
    deadline_ = Clock::now() + grace_;
  }

  void end_if_due() {
    if (guard_gone_) kill_kernel();
    if (!deadline_ || Clock::now() < *deadline_ || status_) return;
    asked_ ? kill_kernel() : signal_descendants(SIGTERM);
    asked_ = true;
    deadline_ = Clock::now() + (grace_.count() > 0 ? Clock::duration(kTermTime) : kShortTermTime);
  }

  /// The others are given a moment, unless the kernel does not die of it.
  void kill_kernel() {
    if (status_) return;
    killed_ ? signal_descendants(SIGKILL) : static_cast<void>(::kill(kernel_, SIGKILL));
    killed_ = true;
  }

  const pid_t kernel_;
  const std::chrono::milliseconds grace_;
  const int guard_;
  bool broker_gone_ = false;
  bool guard_gone_ = false;
  bool asked_ = false;
  bool killed_ = false;
  bool none_left_ = false;
  DescendantTermination termination_;
  std::optional<Clock::time_point> deadline_;
  std::optional<int> status_;
};

/// The process above: as long as `launcher` lives it only wakes it, and afterwards ends what is
/// left. Returns when everything is gone.
void guard(pid_t launcher, std::chrono::milliseconds grace, int signals) {
  DescendantTermination termination;
  std::optional<Clock::time_point> deadline;
  for (;;) {
    pollfd fds[] = {{signals, POLLIN, 0}, {deadline ? -1 : launch::kBrokerFd, POLLIN, 0}};
    ::poll(fds, 2, deadline || termination.begun() ? kAgainMs : -1);
    drain(signals);
    if (fds[1].revents != 0)
      deadline = Clock::now() + grace + kTermTime + kDescendantsTermTime + kLate;
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != launcher) continue;
      launcher = 0;
      // Its death is the kernel's, see become_kernel. Otherwise it has reported.
      if (WIFSIGNALED(status)) report(status);
    }
    if (pid < 0 && errno == ECHILD) return;
    if (launcher != 0) ::kill(launcher, SIGCONT);
    if (launcher == 0)
      termination.end();
    else if (deadline && Clock::now() >= *deadline)
      signal_descendants(SIGKILL);
  }
}

void launch_kernel(std::chrono::milliseconds grace, char** arguments, int guard, int signals) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);  // without the guard nobody else wakes it
  const std::string details = read_details();
  if (details.empty()) return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe for", arguments[1]);
  const pid_t launcher = ::getpid();
  const pid_t kernel = ::fork();
  if (kernel < 0) fail("cannot start", arguments[1]);
  if (kernel == 0) become_kernel(ends[0], arguments[0], arguments + 1, launcher);
  ::setpgid(kernel, kernel);  // here too: whoever is first
  ::close(launch::kOutboxFd);
  ::close(ends[0]);
  // The write end stays open until this process ends: its end of file tells the kernel.
  [[maybe_unused]] const auto written = ::write(ends[1], details.data(), details.size());
  report(Launch(kernel, grace, guard).run(signals));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: oast-launch GRACE_MS CWD PROGRAM [ARGS...]; the broker runs it\n", stderr);
    return 2;
  }
  const std::chrono::milliseconds grace(std::atol(argv[1]));
  ::fcntl(launch::kBrokerFd, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  // Before the fork: a launcher that is told at once that nobody wants its kernel ends before the
  // guard has got any further. The descriptor tells each of the two of its own signals.
  const int signals = block_signals();
  const pid_t launcher = ::fork();
  if (launcher < 0) fail("cannot start", argv[3]);
  if (launcher == 0) launch_kernel(grace, argv + 2, self, signals);
  ::close(launch::kOutboxFd);
  if (launcher > 0) guard(launcher, grace, signals);
  std::_Exit(0);  // with nothing to tidy up
}
