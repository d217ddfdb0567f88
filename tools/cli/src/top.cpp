// oast top: a live screen of kernels.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <mutex>

#include "command.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "screen.hpp"
#include "top_frame.hpp"

namespace oast::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kDrawEvery = 200ms;   // at most: fifty kernels send fifty heartbeats a second
constexpr auto kListEvery = 2000ms;  // heals what events did not tell

constexpr const char* kTopExamples =
    "  oast top              q or Ctrl-C quits\n"
    "  oast top -b work\n"
    "  oast top | cat        one frame, without a terminal\n"
    "\n"
    "Kernels that die stay for a few seconds; `oast ps` shows those of the last minute.\n";

// What the events told since we looked last.
class News {
 public:
  void add(const KernelInfo& info) {
    const std::lock_guard lock(mutex_);
    changed_.push_back(info);
    wake_.set();
  }
  std::vector<KernelInfo> take() {
    const std::lock_guard lock(mutex_);
    wake_.clear();
    return std::exchange(changed_, {});
  }
  int fd() const { return wake_.fd(); }

 private:
  std::mutex mutex_;
  std::vector<KernelInfo> changed_;
  WakeEvent wake_;
};

class Top {
 public:
  Top(const Broker& broker, SignalReader& signals)
      : broker_(broker),
        signals_(signals),
        subscription_(broker.watch([this](const KernelEvent& event) { news_.add(event.info); })) {}

  // Until q, Ctrl-C or a signal; gives the exit code.
  int run() {
    for (;;) {
      look();
      screen_.show(top_frame(kernels_, broker_.directory().string(), window_size(STDOUT_FILENO)));
      if (const auto code = wait()) return *code;
    }
  }

 private:
  void look() {
    const auto now = Clock::now();
    for (const KernelInfo& info : news_.take()) kernels_.update(info, now);
    if (now < listed_ + kListEvery) return;
    kernels_.replace(broker_.list(), now);
    listed_ = now;
  }

  // Until there is something to draw, but not too soon; the exit code when it is time to leave.
  std::optional<int> wait() {
    const auto soonest = Clock::now() + kDrawEvery;
    const auto latest = Clock::now() + 1000ms;
    bool changed = false;
    for (;;) {
      const auto until = changed ? soonest : latest;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return std::nullopt;
      std::array<pollfd, 3> fds{{{STDIN_FILENO, POLLIN, 0},
                                 {signals_.fd(), POLLIN, 0},
                                 {changed ? -1 : news_.fd(), POLLIN, 0}}};
      poll(fds.data(), fds.size(), static_cast<int>(left));
      if (screen_.keys().find_first_of("qQ\x03") != std::string::npos) return kDone;
      if (const auto signal = signals_.take()) {
        if (asks_to_end(*signal)) return *signal == SIGINT ? kDone : 128 + *signal;
        return std::nullopt;
      }
      changed = changed || fds[2].revents != 0;
    }
  }

  const Broker& broker_;
  SignalReader& signals_;
  News news_;
  Kernels kernels_;
  Clock::time_point listed_{};
  Screen screen_;
  Subscription subscription_;
};

int top(const std::string& where) {
  SignalReader signals;
  std::optional<Broker> broker;
  {
    const ExitOnSignal impatient(signals);
    broker = connect_broker(where);
  }
  if (out().is_terminal() && isatty(STDIN_FILENO) == 1) return Top(*broker, signals).run();
  Kernels kernels;
  kernels.replace(broker->list(), Clock::now());
  for (const std::string& line : top_frame(kernels, broker->directory().string(), std::nullopt)) {
    out().print(line + "\n");
  }
  return kDone;
}

}  // namespace

void add_top(CLI::App& app, Action& action) {
  auto broker = std::make_shared<std::string>();
  CLI::App& sub = add_command(app, "top", "Watch the kernels of a broker live", kTopExamples);
  add_broker_option(sub, *broker);
  sub.callback([broker, &action] { action = [broker] { return top(*broker); }; });
}

}  // namespace oast::cli
