#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "block_signals.hpp"
#include "install_paths.hpp"
#include "launch_protocol.hpp"
#include "launcher.hpp"
#include "oast/error.hpp"
#include "oast/fd.hpp"

// ThreadSanitizer takes every clone(2) for a fork, after which a process has one thread.
#ifdef __SANITIZE_THREAD__
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);
constexpr auto kClone = &::__clone;
#else
constexpr auto kClone = &::clone;
#endif

namespace oast::broker {

namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // close-on-exec by itself
}

/// Out of the way of those up to `last`, which a host may have closed and the child needs.
Fd above(int last, Fd fd) {
  if (fd.get() > last) return fd;
  Fd high(::fcntl(fd.get(), F_DUPFD_CLOEXEC, last + 1));
  if (!high) throw std::system_error(errno, std::generic_category(), "fcntl");
  return high;
}
Fd above_standard(Fd fd) { return above(STDERR_FILENO, std::move(fd)); }

struct Pair {
  Fd ours;
  Fd childs;
};

Pair make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  return {above_standard(Fd(ends[0])), above_standard(Fd(ends[1]))};
}

/// A socket and not a pipe, for MSG_NOSIGNAL: a host need not ignore SIGPIPE.
Pair make_command_socket() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {above_standard(Fd(ends[0])), above_standard(Fd(ends[1]))};
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
  LocalProcess(Fd pidfd, Fd commands, Fd stderr_pipe, std::unique_ptr<wire::OutboxReader> outbox)
      : pidfd_(std::move(pidfd)),
        commands_(std::move(commands)),
        stderr_(std::move(stderr_pipe)),
        outbox_(std::move(outbox)) {
    ::fcntl(stderr_.get(), F_SETFL, O_NONBLOCK);
  }
  ~LocalProcess() override {
    if (!gone_) signal_tree(SIGKILL);
  }

  void begin(const std::string& details) override {
    const std::string line = details + "\n";
    // A launcher that does not take it is gone, which exit_fd() tells.
    ::send(commands_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /// Of the command socket's other end only the guard and the launcher have copies: whichever is
  /// killed, the other ends the tree and lets go of it then.
  int exit_fd() const override { return commands_.get(); }
  int stderr_fd() const override { return stderr_.get(); }
  wire::OutboxReader& outbox() override { return *outbox_; }

  std::optional<ExitStatus> reap() override {
    int status = 0;
    ssize_t got = 0;
    while ((got = ::recv(commands_.get(), &status, sizeof status, MSG_DONTWAIT)) > 0) {
      if (got != sizeof status) continue;
      if (WIFEXITED(status)) status_ = {.exit_code = WEXITSTATUS(status)};
      if (WIFSIGNALED(status)) status_ = {.signal = WTERMSIG(status)};
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    // A process closes its descriptors just before it has ended.
    pollfd ended{pidfd_.get(), POLLIN, 0};
    if (::poll(&ended, 1, 0) != 1) return {};
    // Only of a host that is the sub-reaper, or process 1, is it the child.
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), nullptr, WEXITED | WNOHANG);
    gone_ = true;
    return status_;
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

  Fd pidfd_;
  Fd commands_;
  Fd stderr_;
  const std::unique_ptr<wire::OutboxReader> outbox_;
  ExitStatus status_;
  bool gone_ = false;
};

/// posix_spawn of a process that is no child of ours: what a host does with its children, to ignore
/// SIGCHLD or to wait for any of them, is its own affair. An intermediate spawns it and ends. That
/// one makes no SIGCHLD and no wait(2) sees it, as its exit signal is 0; exec would reset that,
/// which is why the launcher itself cannot be such a child.
class Detached {
 public:
  /// All must outlive `run`.
  Detached(const std::string& program, const SpawnSettings& settings, char* const* argv,
           char* const* envp)
      : program_(program), settings_(settings), argv_(argv), envp_(envp) {}

  /// Returns its pidfd.
  Fd run() {
    constexpr std::size_t kStack = std::size_t{256} << 10;
    const auto stack = std::make_unique_for_overwrite<std::byte[]>(kStack);  // NOLINT(*-c-arrays)
    auto* top = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(stack.get() + kStack) &
                                        ~std::uintptr_t{63});
    // In our memory while this thread stands still, as vfork. In our descriptors, too: it opens the
    // pidfd while the pid is its own child's, and so nobody else's.
    const pid_t intermediate =
        kClone(&Detached::spawn, top, CLONE_VM | CLONE_VFORK | CLONE_FILES, this);
    if (intermediate < 0) throw std::system_error(errno, std::generic_category(), "clone");
    while (::waitpid(intermediate, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    check(error_, "posix_spawn of oast-launch");
    return std::move(pidfd_);
  }

 private:
  static int spawn(void* argument) {
    auto& self = *static_cast<Detached*>(argument);
    pid_t pid = 0;
    self.error_ = ::posix_spawn(&pid, self.program_.c_str(), &self.settings_.actions,
                                &self.settings_.attributes, self.argv_, self.envp_);
    if (self.error_ != 0) return 0;
    self.pidfd_ = open_pidfd(pid);
    if (self.pidfd_) return 0;
    self.error_ = errno;
    ::kill(pid, SIGKILL);
    return 0;
  }

  const std::string& program_;
  const SpawnSettings& settings_;
  char* const* argv_;
  char* const* envp_;
  Fd pidfd_;
  int error_ = 0;
};

/// posix_spawn neither copies the host's memory nor runs its code in the child, so it is safe in
/// a large process with many threads. Everything that needs code runs in oast-launch.
std::unique_ptr<Process> spawn(const LaunchPlan& plan) {
  const std::string program = find_program("oast-launch").string();
  Pair commands = make_command_socket();
  Pair errors = make_pipe();
  Fd self = open_pidfd(::getpid());
  if (!self) throw std::system_error(errno, std::generic_category(), "pidfd_open");
  self = above(launch::kOutboxFd, std::move(self));
  const Fd file = above(launch::kOutboxFd, wire::OutboxMemory::make_file());
  auto outbox = std::make_unique<wire::OutboxReader>(file);

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
  // Last, for one of the first three may be in their place.
  check(::posix_spawn_file_actions_adddup2(actions, self.get(), launch::kBrokerFd), "adddup2");
  check(::posix_spawn_file_actions_adddup2(actions, file.get(), launch::kOutboxFd), "adddup2");
  check(::posix_spawn_file_actions_addclosefrom_np(actions, launch::kOutboxFd + 1), "closefrom");
  Fd pidfd = Detached(program, settings, argv.get(), envp.get()).run();
  return std::make_unique<LocalProcess>(std::move(pidfd), std::move(commands.ours),
                                        std::move(errors.ours), std::move(outbox));
}

Failure spawn_failure(const std::system_error& error) {
  Failure failure{.kind = FailureKind::kernel_died,
                  .message = std::string("the kernel could not be started: ") + error.what()};
  for (const auto lack :
       {std::errc::too_many_files_open, std::errc::not_enough_memory,
        std::errc::too_many_files_open_in_system, std::errc::resource_unavailable_try_again})
    if (error.code() == lack) failure.kind = FailureKind::overloaded;
  failure.death = {.cause = DeathCause::spawn_failed, .explanation = failure.message};
  return failure;
}

/// Spawns on a thread of its own: a program on a slow disk takes its time. A child inherits its
/// affinity, niceness and more from the thread that starts it; this one has those of the thread
/// that made the broker, whoever asks for kernels. A program on a disk that is gone may hold the
/// thread for ever, which then is left alone with what it needs.
class LocalLauncher final : public Launcher {
 public:
  LocalLauncher() : thread_([state = state_] { run(*state); }) {}
  ~LocalLauncher() override {
    bool spawning = false;
    {
      const std::lock_guard lock(state_->mutex);
      state_->ending = true;
      spawning = state_->spawning;
    }
    state_->changed.notify_one();
    spawning ? thread_.detach() : thread_.join();
  }
  LocalLauncher(const LocalLauncher&) = delete;
  LocalLauncher& operator=(const LocalLauncher&) = delete;

  void launch(LaunchPlan plan, Done done) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->tasks.emplace_back(std::move(plan), std::move(done));
    }
    state_->changed.notify_one();
  }

 private:
  using Task = std::pair<LaunchPlan, Done>;
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Task> tasks;
    bool spawning = false;
    bool ending = false;
  };

  static void run(State& state) {
    block_signals();
    std::unique_lock lock(state.mutex);
    for (;;) {
      state.changed.wait(lock, [&] { return state.ending || !state.tasks.empty(); });
      if (state.ending) return;
      const Task task = std::move(state.tasks.front());
      state.tasks.pop_front();
      state.spawning = true;
      lock.unlock();
      auto [process, failure] = execute(task.first);
      lock.lock();
      state.spawning = false;
      // Under the lock: whom it tells may be gone otherwise.
      if (!state.ending) task.second(std::move(process), std::move(failure));
    }
  }

  static std::pair<std::unique_ptr<Process>, std::optional<Failure>> execute(
      const LaunchPlan& plan) {
    std::unique_ptr<Process> process;
    std::optional<Failure> failure;
    try {
      process = spawn(plan);
    } catch (const Error& error) {
      failure = error.failure();
    } catch (const std::system_error& error) {
      failure = spawn_failure(error);
    } catch (const std::exception& error) {
      failure = Failure{.kind = FailureKind::overloaded, .message = error.what()};
    }
    return {std::move(process), std::move(failure)};
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Launcher> make_local_launcher() { return std::make_unique<LocalLauncher>(); }

}  // namespace oast::broker
