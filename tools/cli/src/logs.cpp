// oast logs, wait and attach: what a kernel has said, and what it goes on to say.
#include <unistd.h>

#include <charconv>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "line_reader.hpp"
#include "log_follower.hpp"

namespace oast::cli {
namespace {

struct LogCommand {
  std::string kernel;
  std::string request;
  std::string broker;
  std::uint64_t from = 1;
  bool follow = false;
  bool json = false;
};

constexpr const char* kLogsExamples =
    "  oast logs work                       what its requests printed, from the first on\n"
    "  oast logs work --follow              and what they print from now on, until Ctrl-C\n"
    "  oast logs work --from 1000           from the record with that number on\n"
    "  oast logs work --request 3:12        only what request 12 of host 3 said\n"
    "  oast logs work --json | jq 'select(.kind == \"failure\")'\n"
    "\n"
    "A kernel that died has its log for an hour; K is then its id. What is gone, as a log is "
    "bounded,\n"
    "is said on standard error, with how much it was. --json prints a line for each record:\n"
    "  {\"number\", \"request\": HOST:NUMBER or null, \"kind\": output, value, failure, input, "
    "gap\n"
    "  or ended, and what belongs to that kind, as in `oast eval --json`; a gap has the \"last\" "
    "of\n"
    "  its numbers, and the \"bytes\" that are gone}\n"
    "Values that their hosts have received are not in the log.\n";

constexpr const char* kWaitExamples =
    "  oast wait work 3:12      the output of that request from its start, then its value\n"
    "\n"
    "Ends as `oast eval` would have ended: 0, 1 when the code raised, 3 when the kernel died. "
    "Ctrl-C\n"
    "ends the waiting only; `oast interrupt` ends the request. Only requests that were sent with\n"
    "`oast eval --no-wait`, or otherwise to be kept, have a reply to wait for.\n";

constexpr const char* kAttachExamples =
    "  oast attach work               what it says from now on; each line that is typed is "
    "evaluated\n"
    "  oast attach work --from 1      from the beginning of its log\n"
    "\n"
    "Until Ctrl-C, the kernel's end, or, after Ctrl-D, the end of what was typed. The kernel goes "
    "on.\n";

/// A kernel that lives, or else the last of the dead that the broker knows, by name or id; also one
/// that has long been dead, by id.
KernelId kernel_in(const Broker& broker, const std::string& text) {
  KernelId id;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, id.value);
  if (read.ec == std::errc{} && read.ptr == end && id) return id;
  KernelId last;
  for (const KernelInfo& kernel : broker.list()) {
    if (kernel.name != text) continue;
    if (kernel.state != KernelState::dead) return kernel.id;
    if (kernel.id.value > last.value) last = kernel.id;
  }
  return last ? last : find_kernel(broker, text).id;  // which says what there is
}

std::string language_of(const Broker& broker, KernelId kernel) {
  try {
    const std::string spec = broker.find(kernel).spec;
    for (const SpecInfo& info : broker.specs())
      if (info.name == spec) return info.language;
  } catch (const Error&) {
    // It is long dead: nobody knows its language.
  }
  return {};
}

std::optional<Broker> connect(SignalReader& signals, const std::string& where) {
  const ExitOnSignal impatient(signals);
  return connect_broker(where);
}

int show_log(const LogCommand& command) {
  const RequestKey key =
      command.request.empty() ? RequestKey{} : read_request_label(command.request);
  SignalReader signals;
  const auto broker = connect(signals, command.broker);
  LogOptions options{.from = command.from, .follow = command.follow};
  if (key.id) {
    options.host = key.host ? key.host : broker->self();
    options.request = key.id;
  }
  LogReader reader = broker->read_log(kernel_in(*broker, command.kernel), options);
  LogFollower follower({.json = command.json});
  const auto end = follower.follow(reader, signals);
  if (end.reader_gone) return exit_code(end);
  return kDone;  // what the log tells of failures is no failure of ours
}

int wait_for_reply(const LogCommand& command) {
  RequestKey key = read_request_label(command.request);
  SignalReader signals;
  const auto broker = connect(signals, command.broker);
  if (!key.host) key.host = broker->self();
  const KernelId kernel = kernel_in(*broker, command.kernel);
  LogReader reader =
      broker->read_log(kernel, {.host = key.host, .request = key.id, .follow = true});
  LogFollower follower(
      {.json = command.json, .values = true, .language = language_of(*broker, kernel)});
  const auto end = follower.follow(reader, signals);
  if (!end.replied && !end.reader_gone)
    throw Error(FailureKind::not_found, "the log of kernel " + std::to_string(kernel.value) +
                                            " has no reply of a request " + request_label(key));
  return exit_code(end);
}

/// Requests that were typed, of which the log is still to show the end.
class Typed {
 public:
  /// `ended` is set when no more are typed and all have been shown.
  explicit Typed(WakeEvent& ended) : ended_(ended) {}

  /// Sends each line of our standard input to the kernel, until its end.
  void send_lines(Worker& worker) {
    while (auto line = input().line(ended_)) {
      if (line->find_first_not_of(" \t\r\n") == std::string::npos) continue;
      EvalOptions options{.source_name = "attach"};
      options.keep = true;  // its value comes through the log
      const std::lock_guard lock(mutex_);
      const auto sent =
          worker.submit({.text = *line, .reply = Evaluator::Request::Reply::shown}, options);
      open_.insert(sent.key().id.value);
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    if (open_.empty()) ended_.set();
  }
  void shown(const RequestKey& request, PeerId self) {
    const std::lock_guard lock(mutex_);
    if (request.host == self) open_.erase(request.id.value);
    if (over_ && open_.empty()) ended_.set();
  }

 private:
  WakeEvent& ended_;
  std::mutex mutex_;
  std::set<std::uint64_t> open_;
  bool over_ = false;
};

int attach(const LogCommand& command) {
  SignalReader signals;
  const auto broker = connect(signals, command.broker);
  const KernelInfo info = find_kernel(*broker, command.kernel);
  Worker worker = broker->attach(info.id, {});
  LogReader reader = broker->read_log(
      info.id, {.from = command.from != 0 ? command.from : info.log_last + 1, .follow = true});
  WakeEvent ended;
  Typed typed(ended);
  LogFollower follower({.values = true,
                        .language = language_of(*broker, info.id),
                        .on_reply = [&typed, self = broker->self()](const RequestKey& request) {
                          typed.shown(request, self);
                        }});
  std::thread typing([&] { typed.send_lines(worker); });
  LogFollower::End end;
  try {
    end = follower.follow(reader, signals, &ended);
  } catch (...) {
    ended.set();
    typing.join();
    throw;
  }
  ended.set();
  typing.join();
  if (end.reader_gone) return exit_code(end);
  return kDone;
}

}  // namespace

void add_logs(CLI::App& app, Action& action) {
  auto command = std::make_shared<LogCommand>();
  CLI::App& sub = add_command(app, "logs", "Print what a kernel has said", kLogsExamples);
  not_empty(sub.add_option("K", command->kernel, "The kernel, by name or id"))
      ->required()
      ->type_name("");
  add_number_option(sub, "--from", command->from, "Begin with this record")->type_name("N");
  not_empty(sub.add_option("--request", command->request, "Only what belongs to this request"))
      ->type_name("HOST:N");
  sub.add_flag("--follow", command->follow, "Go on with what it says from now on");
  sub.add_flag("--json", command->json, "One JSON object a line");
  add_broker_option(sub, command->broker);
  sub.callback([command, &action] { action = [command] { return show_log(*command); }; });
}

void add_wait(CLI::App& app, Action& action) {
  auto command = std::make_shared<LogCommand>();
  CLI::App& sub =
      add_command(app, "wait", "Wait for a request that was sent with --no-wait", kWaitExamples);
  not_empty(sub.add_option("K", command->kernel, "The kernel, by name or id"))
      ->required()
      ->type_name("");
  not_empty(sub.add_option("R", command->request, "The request: HOST:N"))
      ->required()
      ->type_name("");
  sub.add_flag("--json", command->json, "One JSON object a line");
  add_broker_option(sub, command->broker);
  sub.callback([command, &action] { action = [command] { return wait_for_reply(*command); }; });
}

void add_attach(CLI::App& app, Action& action) {
  auto command = std::make_shared<LogCommand>();
  command->from = 0;
  CLI::App& sub = add_command(app, "attach", "Follow a kernel, and send it code", kAttachExamples);
  not_empty(sub.add_option("K", command->kernel, "The kernel, by name or id"))
      ->required()
      ->type_name("");
  add_number_option(sub, "--from", command->from, "Begin with this record")->type_name("N");
  add_broker_option(sub, command->broker);
  sub.callback([command, &action] { action = [command] { return attach(*command); }; });
}

}  // namespace oast::cli
