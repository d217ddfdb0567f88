#include "task_thread.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace oast::jupyter {

struct TaskThread::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> tasks;
  bool started = false;
  bool ending = false;

  void serve() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return ending || !tasks.empty(); });
        if (ending) return;
        task = std::move(tasks.front());
        tasks.pop_front();
      }
      task();
    }
  }
};

TaskThread::TaskThread() : state_(std::make_shared<State>()) {}

TaskThread::~TaskThread() {
  const std::lock_guard lock(state_->mutex);
  state_->ending = true;
  state_->tasks.clear();
  state_->changed.notify_one();
}

void TaskThread::run(std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->started) std::thread([state = state_] { state->serve(); }).detach();
  state_->started = true;
  state_->tasks.push_back(std::move(task));
  state_->changed.notify_one();
}

}  // namespace oast::jupyter
