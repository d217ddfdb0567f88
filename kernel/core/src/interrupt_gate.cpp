#include "oast/kernel/interrupt_gate.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace oast::kernel {

namespace {

constexpr auto kThreadAgain = std::chrono::milliseconds(50);
/// Rarer: a child that cleans up on SIGINT should get the time to.
constexpr auto kChildrenAgain = std::chrono::milliseconds(500);

}  // namespace

InterruptGate::InterruptGate(pthread_t engine, int signal, FindChildren find_children)
    : engine_(engine), signal_(signal), find_children_(std::move(find_children)) {}

void InterruptGate::begin(std::uint64_t sequence, RequestKey key) {
  const std::lock_guard lock(mutex_);
  running_ = Running{sequence, key, Clock::now()};
  if (find_children_) starts_.begin();
  ++begun_;
}

void InterruptGate::end() {
  bool signalled = false;
  {
    const std::lock_guard lock(mutex_);
    running_.reset();
    if (find_children_) starts_.end();
    signalled = interrupted_.exchange(0) != 0;
    raised_ = 0;
  }
  // A signal that was sent is pending by now at the latest, and no system call returns before the
  // pending ones are delivered.
  if (signalled) ::syscall(SYS_getpid);
}

void InterruptGate::signal_thread() const {
  if (signal_ != 0) ::pthread_kill(engine_, signal_);
}

/// Of those found before the first was signalled: a parent that ends leaves children that cannot be
/// told from others.
void InterruptGate::signal_children(const std::vector<pid_t>& children) {
  for (const pid_t child : children) ::kill(child, SIGINT);
}

template <class Matches>
std::optional<InterruptGate::Running> InterruptGate::interrupt_if(const Matches& matches) {
  const std::lock_guard lock(mutex_);
  if (!running_ || !matches(*running_)) return std::nullopt;
  // Before the thread hears of it: what its code starts then, to clean up, is not meant.
  const auto children = find_children_ ? find_children_(starts_.current()) : std::vector<pid_t>{};
  if (interrupted_++ == 0) ++hits_;
  thread_signalled_ = children_signalled_ = Clock::now();
  signal_thread();
  signal_children(children);
  return running_;
}

std::optional<InterruptGate::Running> InterruptGate::interrupt_any(std::uint64_t last) {
  return interrupt_if([last](const Running& running) { return running.sequence <= last; });
}

std::optional<InterruptGate::Running> InterruptGate::interrupt(std::uint64_t sequence) {
  return interrupt_if([&](const Running& running) { return running.sequence == sequence; });
}

std::optional<InterruptGate::Running> InterruptGate::interrupt(RequestKey key) {
  return interrupt_if([&](const Running& running) { return running.key == key; });
}

void InterruptGate::repeat(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!running_ || !pending()) return;
  if (now - thread_signalled_ >= kThreadAgain) {
    thread_signalled_ = now;
    signal_thread();
  }
  if (find_children_ && now - children_signalled_ >= kChildrenAgain) {
    children_signalled_ = now;
    signal_children(find_children_(starts_.current()));
  }
}

std::optional<InterruptGate::Running> InterruptGate::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

}  // namespace oast::kernel
