#include "cli_fixture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

namespace oast::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<char*> pointers(const Words& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  return ends;
}

// In a child after fork: only what is safe there.
[[noreturn]] void become(const char* directory, char** words, char** env) {
  if (chdir(directory) == 0) execve(words[0], words, env);
  _exit(127);
}

bool mentions(const fs::path& process, const std::string& directory) {
  std::error_code error;
  const fs::path cwd = fs::read_symlink(process / "cwd", error);
  if (!error && cwd.string().starts_with(directory)) return true;
  return read_all(process / "cmdline").find(directory) != std::string::npos;
}

}  // namespace

Nest::~Nest() {
  for (const pid_t pid : processes()) kill(pid, SIGKILL);
}

fs::path Nest::write(const std::string& name, const std::string& text) const {
  std::ofstream(path() / name, std::ios::binary) << text;
  return path() / name;
}

std::vector<pid_t> Nest::processes(const std::vector<pid_t>& except) const {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == getpid()) continue;
    if (std::find(except.begin(), except.end(), pid) != except.end()) continue;
    if (mentions(entry.path(), path().string())) found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> Nest::kernels() const {
  std::vector<pid_t> found;
  for (const pid_t pid : processes()) {
    const std::string name = read_all(fs::path("/proc") / std::to_string(pid) / "comm");
    if (name == "oast-kernel-lua\n" || name == "oast-kernel-lu\n") found.push_back(pid);
  }
  return found;
}

Oast::Oast(const Nest& nest, Words arguments, On on, std::map<std::string, std::string> env)
    : directory_(nest.path()), started_(std::chrono::steady_clock::now()) {
  arguments.insert(arguments.begin(), OAST_PROGRAMS "/oast");
  env.try_emplace("XDG_RUNTIME_DIR", nest.path().string());
  // How the sanitizers of the programs under test are set.
  for (const char* name : {"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) env.try_emplace(name, value);
  }
  env.try_emplace("XDG_STATE_HOME", (nest.path() / "state").string());
  env.try_emplace("PATH", "/usr/bin:/bin");
  env.try_emplace("TERM", "xterm");
  env.try_emplace("LC_ALL", "C.UTF-8");
  Words variables;
  for (const auto& [name, value] : env) variables.push_back(name + "=" + value);
  if (on == On::terminal) {
    spawn_on_terminal(arguments, variables);
  } else {
    spawn(arguments, variables);
  }
}

Oast::~Oast() {
  if (!code_) {
    kill(pid_, SIGKILL);
    end();
  }
}

void Oast::spawn(const Words& words, const Words& env) {
  const auto in = make_pipe();
  const auto out = make_pipe();
  const auto err = make_pipe();
  const auto argv = pointers(words);
  const auto envp = pointers(env);
  const std::string directory = directory_.string();
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    become(directory.c_str(), const_cast<char**>(argv.data()), const_cast<char**>(envp.data()));
  }
  for (const int fd : {in[0], out[1], err[1]}) close(fd);
  stdin_ = in[1];
  start_reading(out_, out[0]);
  start_reading(err_, err[0]);
}

void Oast::spawn_on_terminal(const Words& words, const Words& env) {
  const auto argv = pointers(words);
  const auto envp = pointers(env);
  const std::string directory = directory_.string();
  const winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
  terminal_ = true;
  pid_ = forkpty(&stdin_, nullptr, nullptr, &size);
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    become(directory.c_str(), const_cast<char**>(argv.data()), const_cast<char**>(envp.data()));
  }
  fcntl(stdin_, F_SETFD, FD_CLOEXEC);
  start_reading(out_, stdin_);
}

void Oast::start_reading(Stream& stream, int fd) {
  stream.fd = fd;
  stream.thread = std::thread([this, &stream] { drain(stream); });
}

void Oast::drain(Stream& stream) {
  std::array<char, 4096> block{};
  for (;;) {
    pollfd ready{stream.fd, POLLIN, 0};
    constexpr int kLookMs = 20;
    const bool waiting = poll(&ready, 1, kLookMs) == 0;
    {
      const std::lock_guard lock(mutex_);
      if (stream.stopped) return;
    }
    if (waiting) continue;
    const ssize_t n = read(stream.fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    const std::lock_guard lock(mutex_);
    stream.text.append(block.data(), static_cast<std::size_t>(n));
    changed_.notify_all();
  }
}

void Oast::send(const std::string& text) const {
  REQUIRE(write(stdin_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void Oast::close_stdin() {
  if (stdin_ >= 0 && !terminal_) close(std::exchange(stdin_, -1));
}

void Oast::stop_reading() {
  {
    const std::lock_guard lock(mutex_);
    out_.stopped = true;
  }
  if (out_.thread.joinable()) out_.thread.join();
}

void Oast::leave() {
  stop_reading();
  close(std::exchange(out_.fd, -1));
}

void Oast::signal(int signal) const { REQUIRE(kill(pid_, signal) == 0); }

std::string Oast::wait_for(const std::string& text) { return wait_for(out_, text); }
std::string Oast::wait_for_error(const std::string& text) { return wait_for(err_, text); }

std::string Oast::wait_for(Stream& stream, const std::string& text) {
  std::unique_lock lock(mutex_);
  std::size_t at = std::string::npos;
  const bool came = changed_.wait_for(lock, kGenerous, [&] {
    at = stream.text.find(text, stream.seen);
    return at != std::string::npos;
  });
  INFO("waited for: " << text);
  INFO("it said: " << stream.text.substr(stream.seen));
  REQUIRE(came);
  const std::size_t from = std::exchange(stream.seen, at + text.size());
  return stream.text.substr(from, at - from);
}

Oast::Ended Oast::end() {
  close_stdin();
  int status = 0;
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  pid_t gone = 0;
  while ((gone = waitpid(pid_, &status, WNOHANG)) == 0) {
    if (std::chrono::steady_clock::now() > deadline) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto ended = std::chrono::steady_clock::now();
  code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  CHECK(ended < deadline);
  for (Stream* stream : {&out_, &err_}) {
    if (stream->thread.joinable()) stream->thread.join();
    if (stream->fd >= 0) close(std::exchange(stream->fd, -1));
  }
  return {*code_, out_.text, err_.text, ended - started_};
}

Oast::Ended run(const Nest& nest, Words arguments, const std::string& input) {
  Oast oast(nest, std::move(arguments));
  if (!input.empty()) oast.send(input);
  return oast.end();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Json list_kernels(const Nest& nest) { return Json::parse(run(nest, {"ps", "--json"}).out); }

Json kernel_row(const Nest& nest, const std::string& name) {
  for (const Json& kernel : list_kernels(nest)) {
    if (kernel.at("name") == name) return kernel;
  }
  return nullptr;
}

void start_kernel(const Nest& nest, const std::string& name) {
  const auto started = run(nest, {"start", "--detach", "--name", name});
  REQUIRE(started.code == 0);
  REQUIRE(started.out == name + "\n");
}

RunningBroker::RunningBroker(const Nest& nest) : process_(nest, {"broker"}) {
  process_.wait_for_error("ready in");
}

RunningBroker::~RunningBroker() {
  process_.signal(SIGTERM);
  CHECK(process_.end().code == 0);
}

}  // namespace oast::test
