// A child process that cannot outlive this one.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>

namespace oast::bench {

class Child {
 public:
  /// Forks; the child runs `body` and exits. To be called while the process has one thread, and on
  /// the thread that lives longest: the child dies with it.
  explicit Child(const std::function<void()>& body);
  /// `end` with SIGKILL.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Sends the signal and blocks until the child is gone. May be called again.
  void end(int signal);

 private:
  pid_t pid_;
};

}  // namespace oast::bench
