#include "background_receiver.hpp"

#include <chrono>

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;

/// An engine that just left the socket may come back at once.
constexpr auto kLinger = 1ms;
/// How long it stays near the socket when it is not wanted any more.
constexpr auto kTurn = 100ms;

}  // namespace

BackgroundReceiver::~BackgroundReceiver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void BackgroundReceiver::want(bool wanted) {
  {
    const std::lock_guard lock(mutex_);
    if (wanted_ == wanted) return;
    wanted_ = wanted;
  }
  if (!wanted) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_one();
}

void BackgroundReceiver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    lock.unlock();
    data_.background(kLinger, wire::SharedSocket::Clock::now() + kTurn);
    lock.lock();
  }
}

}  // namespace oast::kernel
