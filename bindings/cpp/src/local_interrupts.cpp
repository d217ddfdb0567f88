#include "local_interrupts.hpp"

#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>

#include "oast/error.hpp"
#include "thread.hpp"

namespace oast::detail {

namespace {

constexpr std::chrono::milliseconds kLook{10};

/// Whose engine runs on this thread. Set before the signal is let in, so that the handler finds the
/// storage made.
constinit thread_local LocalInterrupts* of_this_thread = nullptr;

int install(void (*handler)(int)) {
  for (int number = SIGRTMAX; number >= SIGRTMIN; --number) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) != 0) continue;
    if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_handler = handler;  // without SA_RESTART: it is to end system calls
    sigemptyset(&ours.sa_mask);
    if (sigaction(number, &ours, nullptr) == 0) return number;
  }
  throw Error(FailureKind::overloaded, "every realtime signal is in use already");
}

/// The realtime signal of this process for it.
int signal_number(void (*handler)(int)) {
  static const int number = install(handler);
  return number;
}

void unblock(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

void LocalInterrupts::on_signal(int) noexcept {
  const int error = errno;
  const LocalInterrupts* self = of_this_thread;
  // A signal may come late, when its request has ended; the flag is down then.
  if (kernel::Engine* engine = self == nullptr ? nullptr : self->engine_.load();
      engine != nullptr && self->raised())
    engine->interrupt();
  errno = error;
}

LocalInterrupts::LocalInterrupts() : gate_(::pthread_self(), signal_number(&on_signal), {}) {
  repeater_ = start_thread("oast-interrupt", [this] { repeat(); });
}

LocalInterrupts::~LocalInterrupts() {
  over_ = true;
  waiters_.notify_all();
  repeater_.join();
}

void LocalInterrupts::attach(kernel::Engine& engine) {
  engine_ = &engine;
  of_this_thread = this;
  unblock(signal_number(&on_signal));
}

void LocalInterrupts::detach() {
  of_this_thread = nullptr;
  engine_ = nullptr;
}

void LocalInterrupts::interrupt() {
  if (gate_.interrupt_any(0)) waiters_.notify_all();
}

void LocalInterrupts::repeat() {
  using Clock = kernel::InterruptGate::Clock;
  while (!over_) {
    waiters_.wait([this] { return over_ || raised(); }, std::nullopt);
    gate_.repeat(Clock::now());
    waiters_.wait([this] { return over_ || !raised(); }, Clock::now() + kLook);
  }
}

}  // namespace oast::detail
