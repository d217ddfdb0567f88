// What the tests of the `oast` command share: the real program, on pipes or on a terminal.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "scratch_directory.hpp"
#include "waiting.hpp"

namespace oast::test {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

/// A directory of its own: where brokers live, what kernels work in, and so what their processes
/// are known by. Removed, with everything that still works in it, when destroyed.
class Nest {
 public:
  Nest() = default;
  ~Nest();
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

  const std::filesystem::path& path() const { return scratch_.path(); }
  /// A file in it.
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  /// The processes, other than those of `except`, that work in it or name it in their arguments.
  std::vector<pid_t> processes(const std::vector<pid_t>& except = {}) const;
  /// The kernel processes among them.
  std::vector<pid_t> kernels() const;

 private:
  const ScratchDirectory scratch_;
};

enum class On : unsigned char { pipes, terminal };

/// One run of `oast`. Killed when destroyed, if it still runs.
class Oast {
 public:
  struct Ended {
    int code = -1;  ///< as a shell says it: 128 + signal when it died of one
    std::string out;
    std::string err;  ///< on a terminal everything is in `out`
    std::chrono::duration<double> time{0};
  };

  Oast(const Nest& nest, Words arguments, On on = On::pipes,
       std::map<std::string, std::string> env = {});
  ~Oast();
  Oast(const Oast&) = delete;
  Oast& operator=(const Oast&) = delete;

  pid_t pid() const { return pid_; }
  /// Types or pipes.
  void send(const std::string& text) const;
  void close_stdin();
  /// Reads its stdout no longer, but keeps it open: it fills up.
  void stop_reading();
  /// Closes its stdout: nobody will ever read it.
  void leave();
  void signal(int signal) const;
  /// Blocks until stdout, or the terminal, has shown `text` beyond what earlier waits saw; fails
  /// the test at the deadline. Returns what came up to it.
  std::string wait_for(const std::string& text);
  /// The same for stderr.
  std::string wait_for_error(const std::string& text);
  /// Blocks until it has ended. Closes its stdin first.
  Ended end();

 private:
  struct Stream {
    int fd = -1;
    std::string text;
    std::size_t seen = 0;
    bool stopped = false;
    std::thread thread;
  };

  void spawn(const Words& words, const Words& env);
  void spawn_on_terminal(const Words& words, const Words& env);
  void start_reading(Stream& stream, int fd);
  void drain(Stream& stream);
  std::string wait_for(Stream& stream, const std::string& text);

  std::filesystem::path directory_;
  std::chrono::steady_clock::time_point started_;
  pid_t pid_ = -1;
  int stdin_ = -1;
  bool terminal_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  Stream out_;
  Stream err_;
  std::optional<int> code_;
};

/// Runs it to its end with `input` as its stdin.
Oast::Ended run(const Nest& nest, Words arguments, const std::string& input = {});

bool contains(const std::string& text, const std::string& part);

/// What `oast ps --json` says: a list of kernels.
Json list_kernels(const Nest& nest);
/// That of one of them, or null.
Json kernel_row(const Nest& nest, const std::string& name);
/// Starts a kernel that lives on by itself.
void start_kernel(const Nest& nest, const std::string& name);

/// An `oast broker` at the default place of the nest. Ended with SIGTERM when destroyed.
class RunningBroker {
 public:
  explicit RunningBroker(const Nest& nest);
  ~RunningBroker();

  pid_t pid() const { return process_.pid(); }

 private:
  Oast process_;
};

}  // namespace oast::test
