// A thread for what would hold up the loop.
#pragma once

#include <functional>
#include <memory>

#include "event_loop.hpp"

namespace oast::broker {

/// Does one piece of work after the other, off the loop. Its thread exists from the first one on.
class WorkerThread {
 public:
  /// Runs on the thread; what it returns runs on the loop then, unless the worker is gone. It
  /// should own what it uses, as it may outlive the worker, and throw for lack of memory only:
  /// somebody waits for it, and it is run again.
  using Work = std::function<EventLoop::Callback()>;

  explicit WorkerThread(EventLoop& loop);
  /// Drops what has not begun. What has is given a second, and left to itself after that: a file
  /// system may never answer.
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  /// On the loop's thread. Throws std::system_error when there can be no thread.
  void run(Work work);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace oast::broker
