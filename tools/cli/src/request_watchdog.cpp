#include "request_watchdog.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "console.hpp"

namespace oast::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterruptPatience = 2s;   // then a person is told how to go on
constexpr auto kTimeoutPatience = 500ms;  // from the deadline to the kill
constexpr auto kEndingPatience = 300ms;   // for somebody else's kernel, when we must leave
constexpr auto kArrival = 200ms;          // of a reply that is under way

}  // namespace

RequestWatchdog::RequestWatchdog(Worker& worker, bool own, SignalReader& signals,
                                 const Future<Value>& future, RequestStreams& streams,
                                 std::optional<Seconds> timeout)
    : worker_(worker), own_(own), signals_(signals), future_(future), streams_(streams) {
  // No clock counts further than some centuries.
  constexpr Seconds kNever{1e9};
  if (timeout && *timeout < kNever) {
    wake_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(*timeout);
  }
  thread_ = std::thread([this] { run(); });
}

void RequestWatchdog::leave() {
  over_.set();
  if (thread_.joinable()) thread_.join();
}

void RequestWatchdog::run() {
  while (!over_.is_set()) {
    const bool watch_output = stage_ == Stage::running;
    std::array<pollfd, 3> fds{{{over_.fd(), POLLIN, 0},
                               {signals_.fd(), POLLIN, 0},
                               {watch_output ? streams_.broken().fd() : -1, POLLIN, 0}}};
    const int ready = poll(fds.data(), fds.size(), patience());
    if (over_.is_set() || (ready < 0 && errno != EINTR)) return;
    if (ready > 0 && fds[1].revents != 0) {
      if (const auto signal = signals_.take()) on_signal(*signal);
    }
    if (ready > 0 && fds[2].revents != 0) ask(Cut::reader_gone, kEndingPatience);
    if (wake_ && Clock::now() >= *wake_) on_deadline();
  }
}

int RequestWatchdog::patience() const {
  if (!wake_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*wake_ - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

void RequestWatchdog::on_signal(int signal) {
  if (!asks_to_end(signal)) return;
  if (is_ending(signal)) {
    signal_ = signal;
    if (stage_ == Stage::running) ask(Cut::terminated, kEndingPatience);
    cut_ = Cut::terminated;
    if (own_) force();
    return;
  }
  if (stage_ == Stage::running) {
    ask(Cut::interrupted, kInterruptPatience);
    force_at_wake_ = !err().is_terminal();
  } else {
    force();
  }
}

void RequestWatchdog::on_deadline() {
  wake_.reset();
  if (stage_ == Stage::running) return ask(Cut::timed_out, kTimeoutPatience);
  if (stage_ == Stage::forced) return;
  if (force_at_wake_) return force();
  // On a line of its own: the terminal has shown ^C.
  say(own_ ? "\noast: it does not stop; Ctrl-C again kills the kernel\n"
           : "\noast: it does not stop; Ctrl-C again leaves it running\n");
}

void RequestWatchdog::ask(Cut cut, Clock::duration patience) {
  stage_ = Stage::asked;
  cut_ = cut;
  force_at_wake_ = true;
  wake_ = Clock::now() + patience;
  future_.cancel();
}

void RequestWatchdog::force() {
  if (stage_ == Stage::forced) return;
  stage_ = Stage::forced;
  wake_.reset();
  streams_.mute();  // whoever receives may be stuck in our output, and nothing else be wrong
  if (future_.wait_for(kArrival)) return;
  if (own_) {
    try {
      killed_ = kill();
      return;
    } catch (const Error&) {
      // The broker is gone, and with it the kernel or any chance to reach it.
    }
  }
  abandoned_.store(true, std::memory_order_release);
}

bool RequestWatchdog::kill() {
  // An interrupt that escalates at once, so that the death is explained by what led to it.
  const auto outcome = worker_.interrupt({.timeout = 0ms, .escalate = true});
  if (outcome == InterruptOutcome::killed) return true;
  if (future_.wait_for(kArrival)) return false;
  worker_.kill();
  return true;
}

}  // namespace oast::cli
