#include "worker_thread.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "block_signals.hpp"

namespace oast::broker {

namespace {

constexpr std::chrono::seconds kLastWork{1};
constexpr std::chrono::milliseconds kLackOfMemory{10};

}  // namespace

struct WorkerThread::State {
  explicit State(EventLoop& l) : loop(l) {}

  EventLoop& loop;  // not to be touched when ending
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Work> work;
  bool started = false;
  bool ending = false;
  bool ended = false;

  void run();
  /// False when it threw.
  template <class Some>
  static bool attempt(const Some& some);
  /// Waits for memory; false when the worker is gone.
  bool rest();
  void post(const EventLoop::Callback& done);
};

void WorkerThread::State::run() {
  block_signals();
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ending || !work.empty(); });
    if (ending) break;
    Work next = std::move(work.front());
    work.pop_front();
    lock.unlock();
    EventLoop::Callback done;
    while (!attempt([&] { done = next(); }) && rest()) continue;
    while (!attempt([&] { post(done); }) && rest()) continue;
    next = nullptr;
    done = nullptr;
    lock.lock();
  }
  ended = true;
  changed.notify_all();
}

template <class Some>
bool WorkerThread::State::attempt(const Some& some) {
  try {
    some();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool WorkerThread::State::rest() {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, kLackOfMemory, [this] { return ending; });
}

void WorkerThread::State::post(const EventLoop::Callback& done) {
  const std::lock_guard lock(mutex);
  if (!ending) loop.post(done);
}

WorkerThread::WorkerThread(EventLoop& loop) : state_(std::make_shared<State>(loop)) {}

WorkerThread::~WorkerThread() {
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->work.clear();
  state_->changed.notify_all();
  if (state_->started) state_->changed.wait_for(lock, kLastWork, [this] { return state_->ended; });
}

void WorkerThread::run(Work work) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->started) {
    std::thread([state = state_] { state->run(); }).detach();
    state_->started = true;
  }
  state_->work.push_back(std::move(work));
  state_->changed.notify_one();
}

}  // namespace oast::broker
