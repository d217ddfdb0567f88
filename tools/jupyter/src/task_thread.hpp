// A thread for calls that block.
#pragma once

#include <functional>
#include <memory>

namespace oast::jupyter {

/// Runs one task after the other. Its thread exists from the first one on. For one thread.
class TaskThread {
 public:
  TaskThread();
  /// Drops what has not begun. What has is left to itself, as it may block for long: a task should
  /// own what it uses.
  ~TaskThread();
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  /// `task` must not throw. Does not block. Throws std::system_error when there can be no thread.
  void run(std::function<void()> task);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace oast::jupyter
