#include "event_loop.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

namespace oast::jupyter {
namespace {

/// What a callback throws costs what it was about, and nothing else.
void run(const Callback& callback) {
  try {
    callback();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oast-jupyter: a message could not be served: %s\n", error.what());
  }
}

}  // namespace

void Poster::post(Callback callback) const {
  const std::lock_guard lock(queue_->mutex);
  queue_->callbacks.push_back(std::move(callback));
  if (queue_->callbacks.size() == 1) queue_->wake.set();
}

void EventLoop::watch(zmq::socket_t& socket, Callback readable) {
  items_.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
  readable_.push_back(std::move(readable));
}

void EventLoop::watch(int fd, Callback readable) {
  items_.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  readable_.push_back(std::move(readable));
}

void EventLoop::after(std::chrono::milliseconds delay, Callback callback) {
  timers_.emplace(Clock::now() + delay, std::move(callback));
}

void EventLoop::run() {
  watch(poster_.queue_->wake.fd(), [this] { run_posted(); });
  while (!ended_) turn();
  items_.pop_back();
  readable_.pop_back();
}

void EventLoop::turn() {
  std::chrono::milliseconds wait{-1};
  if (!timers_.empty())
    wait = std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(
                                                      timers_.begin()->first - Clock::now()));
  zmq::poll(items_, wait);
  for (std::size_t i = 0; i < items_.size() && !ended_; ++i)
    if ((items_[i].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0) jupyter::run(readable_[i]);
  run_due();
  if (turn_end_) jupyter::run(turn_end_);
}

void EventLoop::run_posted() {
  std::vector<Callback> callbacks;
  {
    const std::lock_guard lock(poster_.queue_->mutex);
    callbacks.swap(poster_.queue_->callbacks);
    poster_.queue_->wake.clear();
  }
  for (const Callback& callback : callbacks) jupyter::run(callback);
}

void EventLoop::run_due() {
  while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
    const Callback callback = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    jupyter::run(callback);
  }
}

}  // namespace oast::jupyter
