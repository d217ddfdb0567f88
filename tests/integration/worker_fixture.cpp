#include "worker_fixture.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

extern char** environ;

namespace oast::test {

namespace {

namespace fs = std::filesystem;

fs::path program(const std::string& name) {
  return fs::read_symlink("/proc/self/exe").parent_path() / name;
}

fs::path scratch_directory() {
  std::string name = (fs::temp_directory_path() / "oast-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  return name;
}

/// Reads lines until one contains `wanted`; false at the end of the file.
bool read_until(int fd, const std::string& wanted) {
  std::string seen;
  std::array<char, 256> chunk{};
  for (;;) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n <= 0) return false;
    seen.append(chunk.data(), static_cast<std::size_t>(n));
    if (seen.find(wanted) != std::string::npos) return true;
  }
}

}  // namespace

Daemon::Daemon(const std::string& config) : directory_(scratch_directory()) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
  const std::string path = program("oast-broker");
  const std::string dir = directory_.string();
  const std::string config_file = (directory_ / "config.json").string();
  if (!config.empty()) std::ofstream(config_file) << config;
  std::array<const char*, 8> argv = {path.c_str(),        "--runtime-dir",
                                     dir.c_str(),         "--data-dir",
                                     dir.c_str(),         config.empty() ? nullptr : "--config",
                                     config_file.c_str(), nullptr};
  const int error = ::posix_spawn(&pid_, path.c_str(), &actions, nullptr,
                                  const_cast<char**>(argv.data()), environ);  // NOLINT
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  REQUIRE(error == 0);
  const bool ready = read_until(pipe[0], "ready in");
  // Its log goes on; somebody has to read it.
  std::thread([fd = pipe[0]] {
    read_until(fd, std::string(1, '\0'));
    ::close(fd);
  }).detach();
  REQUIRE(ready);
}

Daemon::~Daemon() {
  end(SIGTERM);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void Daemon::end(int signal) {
  if (pid_ < 0) return;
  ::kill(pid_, signal);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void with_each_broker(const std::function<void(const Broker&)>& test) {
  {
    INFO("with an embedded broker");
    test(Broker::embedded());
  }
  {
    INFO("with a daemon");
    const Daemon daemon;
    test(daemon.connect());
  }
}

void eventually(const std::function<bool()>& fact, const char* what) {
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (!fact()) {
    INFO(what);
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

bool exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

Future<Value> start_running(Evaluator& worker, const std::string& code) {
  const auto begun = std::make_shared<Event>();
  const auto once = std::make_shared<std::atomic<bool>>(false);
  EvalOptions options;
  options.on_output = [begun, once](const Output&) {
    if (!once->exchange(true)) begun->set();
  };
  auto future = worker.remote_eval("print('on') " + code, std::move(options));
  begun->wait();
  return future;
}

// proc(5): the state of each thread stands behind its name in parentheses.
bool all_stopped(pid_t pid) {
  const auto stopped = [](const std::filesystem::directory_entry& thread) {
    std::string text;
    std::getline(std::ifstream(thread.path() / "stat") >> std::ws, text);
    return text.find(") T ") != std::string::npos;
  };
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(pid) + "/task");
  return std::all_of(begin(threads), end(threads), stopped);
}

}  // namespace oast::test
