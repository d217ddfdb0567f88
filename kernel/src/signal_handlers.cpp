#include "signal_handlers.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "control.hpp"

namespace oast::kernel {

namespace {

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// What handlers need. One kernel a process, so these are the process's like the handlers are.
std::atomic<const InterruptGate*> the_gate = nullptr;
std::atomic<Engine*> the_engine = nullptr;
std::atomic<const Capture*> the_capture = nullptr;
std::atomic<Control*> the_control = nullptr;
pthread_t engine_thread;
/// Forked children have the handlers too, but neither threads nor output of ours.
pid_t kernel_process = 0;
std::array<struct sigaction, kCrashes.size()> before_crash;
/// A stack overflow leaves no stack to run its handler on.
std::array<char, std::size_t{64} * 1024> crash_stack;

void nothing(int /*signal*/) {}

void on_interrupt(int /*signal*/) {
  const int saved = errno;
  const InterruptGate* gate = the_gate;
  Engine* engine = the_engine;
  // Without the flag it is a signal that came late, or from a stranger.
  if (engine != nullptr && gate->interrupted() != 0 &&
      ::pthread_equal(::pthread_self(), engine_thread) != 0)
    engine->interrupt();
  errno = saved;
}

void on_crash(int signal, siginfo_t* info, void* /*context*/) {
  for (std::size_t i = 0; i < kCrashes.size(); ++i)
    if (kCrashes[i] == signal) ::sigaction(signal, &before_crash[i], nullptr);
  // Only the engine's thread: another may be the one that the rescue needs.
  const bool ours = ::getpid() == kernel_process;
  Control* control = the_control;
  if (ours && control != nullptr && ::pthread_equal(::pthread_self(), engine_thread) != 0)
    control->rescue_output();
  if (const Capture* capture = the_capture; ours && capture != nullptr) {
    capture->rescue();
    capture->give_back();
  }
  // A fault happens again on return, now with the action there was before; others must be repeated.
  if (info->si_code <= 0) ::raise(signal);
}

void set_action(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;  // NOLINT(cppcoreguidelines-pro-type-union-access)
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void catch_crashes() {
  stack_t stack{};
  if (::sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0) {
    stack = {};
    stack.ss_sp = crash_stack.data();
    stack.ss_size = crash_stack.size();
    ::sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = on_crash;  // NOLINT(cppcoreguidelines-pro-type-union-access)
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kCrashes.size(); ++i)
    ::sigaction(kCrashes[i], &action, &before_crash[i]);
}

}  // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  ::sigfillset(&all);
  for (const int crash : kCrashes) ::sigdelset(&all, crash);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void install_handlers(const InterruptGate& gate) {
  the_gate = &gate;
  engine_thread = ::pthread_self();
  // No SA_RESTART: an interrupt ends the system call that the engine waits in. Functions, not
  // SIG_IGN, which child processes would inherit.
  set_action(SIGUSR1, on_interrupt);
  set_action(SIGINT, nothing);
  set_action(SIGPIPE, nothing);
  unblock_signals();
}

void keep_handlers(int interrupt) {
  engine_thread = ::pthread_self();
  for (const int signal : {SIGINT, SIGPIPE}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-union-access)
    if (signal != interrupt && action.sa_handler == SIG_DFL) set_action(signal, nothing);
  }
  unblock_signals();
}

void set_interrupted_engine(Engine* engine) { the_engine = engine; }

void keep_last_words(const Capture& capture, Control* control) {
  kernel_process = ::getpid();
  const bool first = the_capture.exchange(&capture) == nullptr;
  the_control = control;
  if (first) catch_crashes();
}

void forget_last_words() {
  the_control = nullptr;
  the_capture = nullptr;
}

}  // namespace oast::kernel
