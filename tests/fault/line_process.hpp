// A program that answers each line of its stdin with one.
#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "process.hpp"

namespace oast::test {

/// A process of a program that lies beside this one.
class LineProcess {
 public:
  LineProcess(const std::string& program, std::vector<std::string> arguments)
      : process_(program, std::move(arguments), {.in = true, .out = true}),
        stdout_(::fdopen(process_.out().release(), "r"), &std::fclose) {}
  ~LineProcess() { end(); }
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  pid_t pid() const { return process_.pid(); }
  /// Empty when the process has ended.
  std::string ask(const std::string& command) {
    const std::string text = command + "\n";
    if (::write(process_.in().get(), text.data(), text.size()) < 0) return {};
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
    process_.in().reset();
    return process_.wait();
  }

 private:
  Process process_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stdout_;
};

}  // namespace oast::test
