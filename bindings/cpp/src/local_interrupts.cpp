#include "local_interrupts.hpp"

#include <cerrno>
#include <csignal>

#include "oast/error.hpp"
#include "thread.hpp"

namespace oast::detail {

namespace {

constexpr std::chrono::milliseconds kAgain{5};

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
  if (self != nullptr && self->raised()) self->engine_->interrupt();
  errno = error;
}

int LocalInterrupts::signal_number() {
  static const int number = install(&LocalInterrupts::on_signal);
  return number;
}

LocalInterrupts::LocalInterrupts() {
  sender_ = start_thread("oast-interrupt", [this] { send_signals(); });
}

LocalInterrupts::~LocalInterrupts() {
  change([this] { over_ = true; });
  sender_.join();
}

void LocalInterrupts::attach(kernel::Engine& engine) {
  change([&] {
    engine_ = &engine;
    thread_ = pthread_self();
  });
  of_this_thread = this;
  unblock(signal_);
}

void LocalInterrupts::detach() {
  of_this_thread = nullptr;
  change([this] { engine_ = nullptr; });
}

void LocalInterrupts::raise() {
  change([this] { raised_.store(true, std::memory_order_release); });
}

void LocalInterrupts::clear() {
  change([this] { raised_.store(false, std::memory_order_release); });
}

void LocalInterrupts::send_signals() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || (raised() && engine_ != nullptr); });
    if (over_) return;
    pthread_kill(thread_, signal_);  // with the lock, which `detach` needs before the thread ends
    changed_.wait_for(lock, kAgain, [this] { return over_ || !raised(); });
  }
}

}  // namespace oast::detail
