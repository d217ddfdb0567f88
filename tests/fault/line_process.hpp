// A program that answers each line of its stdin with one.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "oast/fd.hpp"

namespace oast::test {

/// A process of a program that lies beside this one; it is asked to leave when destroyed.
class LineProcess {
 public:
  explicit LineProcess(const std::string& program, std::vector<std::string> arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / program;
    std::vector<char*> argv{const_cast<char*>(path.c_str())};  // NOLINT
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    stdin_.reset(in[1]);
    stdout_.reset(::fdopen(out[0], "r"));
  }
  ~LineProcess() { end(); }
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Empty when the process has ended.
  std::string ask(const std::string& command) {
    const std::string text = command + "\n";
    if (::write(stdin_.get(), text.data(), text.size()) < 0) return {};
    return line();
  }
  std::string line() {
    std::array<char, 1024> text{};
    if (std::fgets(text.data(), text.size(), stdout_.get()) == nullptr) return {};
    std::string result(text.data());
    if (!result.empty()) result.pop_back();
    return result;
  }
  /// Asks it to leave; its wait status.
  int end() {
    if (pid_ <= 0) return 0;
    stdin_.reset();
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  Fd stdin_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stdout_{nullptr, &std::fclose};
};

}  // namespace oast::test
