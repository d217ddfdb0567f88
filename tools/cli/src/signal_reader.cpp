#include "signal_reader.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>

namespace oast::cli {
namespace {

bool ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalReader::SignalReader() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGWINCH);
  sigaddset(&set, SIGCONT);
  for (const int signal : {SIGTERM, SIGHUP}) {
    if (!ignored(signal)) sigaddset(&set, signal);
  }
  // A shell starts background jobs with SIGINT ignored, but `kill -INT` means what it says.
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
}

std::optional<int> SignalReader::take() {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

bool asks_to_end(int signal) { return signal == SIGINT || is_ending(signal); }

bool is_ending(int signal) { return signal == SIGTERM || signal == SIGHUP; }

}  // namespace oast::cli
