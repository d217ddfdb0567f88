#include "exit_on_signal.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>

namespace oast::cli {

ExitOnSignal::ExitOnSignal(SignalReader& signals, WakeEvent* interrupted)
    : signals_(signals), interrupted_(interrupted), thread_([this] { watch(); }) {}

ExitOnSignal::~ExitOnSignal() {
  over_.set();
  thread_.join();
}

void ExitOnSignal::watch() {
  std::array<pollfd, 2> fds{{{over_.fd(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
  while (!over_.is_set()) {
    if (poll(fds.data(), fds.size(), -1) < 0 || over_.is_set()) continue;
    const auto signal = signals_.take();
    if (!signal || !asks_to_end(*signal)) continue;
    if (*signal != SIGINT || interrupted_ == nullptr) _exit(128 + *signal);
    interrupted_->set();
  }
}

}  // namespace oast::cli
