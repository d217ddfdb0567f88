#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include "launch_protocol.hpp"
#include "launcher.hpp"
#include "oast/error.hpp"
#include "oast/fd.hpp"
#include "programs.hpp"
#include "signals.hpp"

namespace oast::broker {

namespace {

/// What may be there again later: descriptors, memory, processes.
bool lacks_something(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN;
}

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

/// Out of the way of 0, 1 and 2, which a host may have closed and the child needs.
Fd above_standard(int fd) {
  if (fd > 2) return Fd(fd);
  const Fd low(fd);
  Fd high(::fcntl(low.get(), F_DUPFD_CLOEXEC, 3));
  if (!high) throw std::system_error(errno, std::generic_category(), "fcntl");
  return high;
}

struct Pair {
  Fd ours;
  Fd childs;
};

Pair make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  return {above_standard(ends[0]), above_standard(ends[1])};
}

/// A socket and not a pipe, for MSG_NOSIGNAL: a host need not ignore SIGPIPE.
Pair make_command_socket() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {above_standard(ends[0]), above_standard(ends[1])};
}

/// argv or envp for exec; views of strings that must stay.
class Pointers {
 public:
  void add(std::string text) { strings_.push_back(std::move(text)); }
  char* const* get() {
    pointers_.clear();
    for (auto& text : strings_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

/// RAII around what posix_spawn wants.
class SpawnSettings {
 public:
  SpawnSettings() {
    check(::posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
    check(::posix_spawnattr_init(&attributes), "posix_spawnattr_init");
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    check(::posix_spawnattr_setflags(
              &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
          "posix_spawnattr_setflags");
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

class LocalProcess final : public Process {
 public:
  LocalProcess(pid_t launcher, Fd pidfd, Fd commands, Fd stderr_pipe)
      : launcher_(launcher),
        pidfd_(std::move(pidfd)),
        commands_(std::move(commands)),
        stderr_(std::move(stderr_pipe)) {}

  ~LocalProcess() override {
    if (reaped_) return;
    signal_tree(SIGKILL);
    commands_.reset();
    // Bounded by the launcher's own work: everything under it gets SIGKILL.
    pollfd fd{pidfd_.get(), POLLIN, 0};
    // A process that SIGKILL does not end in this time is left to the system.
    if (::poll(&fd, 1, 2000) == 1) reap();
  }

  void begin(const std::string& details) const {
    if (::send(commands_.get(), details.data(), details.size(), MSG_NOSIGNAL) < 0)
      throw std::system_error(errno, std::generic_category(), "write to oast-launch");
    ::fcntl(stderr_.get(), F_SETFL, O_NONBLOCK);
  }

  int exit_fd() const override { return pidfd_.get(); }
  int stderr_fd() const override { return stderr_.get(); }

  ExitStatus reap() override {
    reaped_ = true;
    siginfo_t info{};
    // A host that ignores SIGCHLD or waits for all its children takes the status from us; then how
    // it ended stays unknown.
    if (::waitid(P_PID, static_cast<id_t>(launcher_), &info, WEXITED) != 0) return {};
    if (info.si_code == CLD_EXITED) return {.exit_code = info.si_status};
    return {.signal = info.si_status};
  }

  void signal_kernel(int signal) override { command(launch::kSignalKernel, signal); }
  void signal_tree(int signal) override { command(launch::kSignalTree, signal); }

 private:
  void command(char what, int signal) const {
    // The kernel runs as the same user and may have stopped its launcher.
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
    const std::array<char, 2> bytes{what, static_cast<char>(signal)};
    // A launcher that does not take it is gone, or stopped and has a thousand commands already.
    ::send(commands_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  pid_t launcher_;
  Fd pidfd_;
  Fd commands_;
  Fd stderr_;
  bool reaped_ = false;
};

/// A child inherits its affinity, niceness and more from the thread that starts it. This one has
/// those of the thread that made the broker, whoever asks for kernels.
class SpawnThread {
 public:
  using Task = std::packaged_task<std::unique_ptr<Process>()>;

  SpawnThread() : thread_([this] { run(); }) {}
  ~SpawnThread() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  SpawnThread(const SpawnThread&) = delete;
  SpawnThread& operator=(const SpawnThread&) = delete;

  /// Runs it there. Blocks.
  std::unique_ptr<Process> operator()(Task task) {
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      task_ = std::move(task);
    }
    changed_.notify_one();
    return result.get();
  }

 private:
  void run() {
    block_signals();
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || task_.valid(); });
      if (ending_) return;
      std::exchange(task_, {})();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Task task_;
  bool ending_ = false;
  std::thread thread_;
};

class LocalLauncher final : public Launcher {
 public:
  std::unique_ptr<Process> launch(const LaunchPlan& plan) override {
    try {
      return spawn_thread_(SpawnThread::Task([&plan] { return spawn(plan); }));
    } catch (const std::system_error& error) {
      if (lacks_something(error.code().value()))
        throw Error(
            FailureKind::overloaded,
            std::string("the system has nothing left to start a kernel with: ") + error.what());
      Failure failure{.kind = FailureKind::kernel_died,
                      .message = std::string("the kernel could not be started: ") + error.what()};
      failure.death = {.cause = DeathCause::spawn_failed, .explanation = failure.message};
      raise(std::move(failure));
    }
  }

 private:
  /// posix_spawn neither copies the host's memory nor runs its code in the child, so it is safe in
  /// a large process with many threads. Everything that needs code runs in oast-launch.
  static std::unique_ptr<Process> spawn(const LaunchPlan& plan) {
    const std::string program = find_program("oast-launch").string();
    Pair commands = make_command_socket();
    Pair errors = make_pipe();

    Pointers argv;
    argv.add("oast-launch");
    argv.add(std::to_string(plan.grace.count()));
    argv.add(plan.cwd);
    for (const auto& argument : plan.argv) argv.add(argument);
    Pointers envp;
    for (const auto& [name, value] : plan.env) {
      std::string variable = name;
      envp.add(variable.append("=").append(value));
    }

    SpawnSettings settings;
    auto* actions = &settings.actions;
    check(::posix_spawn_file_actions_adddup2(actions, commands.childs.get(), 0), "adddup2");
    check(::posix_spawn_file_actions_adddup2(actions, errors.childs.get(), 1), "adddup2");
    check(::posix_spawn_file_actions_adddup2(actions, errors.childs.get(), 2), "adddup2");
    check(::posix_spawn_file_actions_addclosefrom_np(actions, 3), "addclosefrom");
    pid_t pid = 0;
    check(
        ::posix_spawn(&pid, program.c_str(), actions, &settings.attributes, argv.get(), envp.get()),
        "posix_spawn of oast-launch");

    // Close-on-exec by itself, see pidfd_open(2).
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
      const int error = errno;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      throw std::system_error(error, std::generic_category(), "pidfd_open");
    }
    auto process = std::make_unique<LocalProcess>(pid, std::move(pidfd), std::move(commands.ours),
                                                  std::move(errors.ours));
    process->begin(plan.details + "\n");
    return process;
  }

  SpawnThread spawn_thread_;
};

}  // namespace

std::unique_ptr<Launcher> make_local_launcher() { return std::make_unique<LocalLauncher>(); }

}  // namespace oast::broker
