// oast watch: a line per heartbeat or change of state.
#include <poll.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"
#include "json_text.hpp"
#include "kernel_text.hpp"
#include "table.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

struct WatchCommand {
  std::string broker;
  bool json = false;
};

constexpr const char* kWatchExamples =
    "  oast watch                                   until Ctrl-C\n"
    "  oast watch --json | jq 'select(.change == \"state\")'\n"
    "\n"
    "--json prints {\"time\": UTC, \"change\": heartbeat or state, \"kernel\": as in `oast ps "
    "--json`}\n"
    "a line. Changes between idle and busy are looked at every 50 ms: what comes and goes between\n"
    "two looks is not told.\n";

// Local time with milliseconds, or UTC as RFC 3339 says it.
std::string now_text(bool utc) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  utc ? gmtime_r(&now.tv_sec, &parts) : localtime_r(&now.tv_sec, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), utc ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &parts);
  std::array<char, 16> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03ld", now.tv_nsec / 1'000'000);
  return std::string(text.data()) + millis.data() + (utc ? "Z" : "");
}

std::string change_name(KernelEvent::Change change) {
  return change == KernelEvent::Change::state ? "state" : "heartbeat";
}

std::string json_line(const KernelEvent& event) {
  const Json json{{"time", now_text(true)},
                  {"change", change_name(event.change)},
                  {"kernel", to_json(event.info)}};
  return dump(json) + "\n";
}

std::string text_line(const KernelEvent& event) {
  const KernelInfo& kernel = event.info;
  std::string text = now_text(false) + "  " + printable(kernel.name) + "  ";
  if (event.change == KernelEvent::Change::state) {
    text += styled(out(), Style::bold, state_text(kernel));
    if (kernel.death) text += ": " + printable(death_text(*kernel.death));
    if (kernel.request) text += "  request " + std::to_string(kernel.request.value);
    return text + "\n";
  }
  text += "heartbeat " + heartbeat_text(kernel) + "  " + std::string(to_string(kernel.state));
  if (kernel.request) text += "  request " + request_text(kernel);
  if (kernel.queued > 0) text += "  queued " + std::to_string(kernel.queued);
  return text + "  rss " + rss_text(kernel) + "  cpu " + cpu_text(kernel) + "\n";
}

// Until a signal, the end of our reader, or the end of the broker.
int wait_for_end(const Broker& broker, SignalReader& signals, const WakeEvent& reader_gone) {
  constexpr int kLookMs = 500;
  std::array<pollfd, 3> fds{
      {{signals.fd(), POLLIN, 0}, {reader_gone.fd(), POLLIN, 0}, {out().fd(), 0, 0}}};
  for (;;) {
    poll(fds.data(), fds.size(), kLookMs);
    const auto signal = signals.take();
    if (signal && asks_to_end(*signal)) return 128 + *signal;
    if (reader_gone.is_set() || (fds[2].revents & POLLERR) != 0) return kReaderGone;
    if (!broker.connected()) throw NoBroker("the broker is gone");
  }
}

int watch(const WatchCommand& command) {
  SignalReader signals;
  std::optional<Broker> broker;
  {
    const ExitOnSignal impatient(signals);
    broker = connect_broker(command.broker);
  }
  WakeEvent reader_gone;
  WakeEvent leaving;
  std::exception_ptr fault;
  Subscription news = broker->watch([&](const KernelEvent& event) {
    const std::string line = command.json ? json_line(event) : text_line(event);
    try {
      if (!out().write(line, &leaving)) reader_gone.set();
    } catch (const std::exception&) {
      fault = std::current_exception();
      reader_gone.set();
    }
  });
  const int code = wait_for_end(*broker, signals, reader_gone);
  leaving.set();
  news.reset();
  if (fault) std::rethrow_exception(fault);
  return code;
}

}  // namespace

void add_watch(CLI::App& app, Action& action) {
  auto command = std::make_shared<WatchCommand>();
  CLI::App& sub = add_command(app, "watch", "Print every heartbeat and change of state as it comes",
                              kWatchExamples);
  add_broker_option(sub, command->broker);
  sub.add_flag("--json", command->json, "One JSON object a line");
  sub.callback([command, &action] { action = [command] { return watch(*command); }; });
}

}  // namespace oast::cli
