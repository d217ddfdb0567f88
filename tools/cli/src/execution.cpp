#include "execution.hpp"

#include "console.hpp"
#include "exit_code.hpp"
#include "explain.hpp"
#include "request_streams.hpp"
#include "request_watchdog.hpp"

namespace oast::cli {
namespace {

using namespace std::chrono_literals;

std::variant<Value, Failure> result_of(const Future<Value>& future) {
  try {
    return future.get();
  } catch (const Error& error) {
    return error.failure();
  }
}

}  // namespace

Outcome execute(Worker& worker, bool own, SignalReader& signals, Evaluator::Request request,
                ExecutionOptions options) {
  const auto start = std::chrono::steady_clock::now();
  const auto streams =
      options.streams ? options.streams : std::make_shared<RequestStreams>(options.collect);
  EvalOptions eval{.source_name = std::move(options.source_name), .args = std::move(options.args)};
  eval.on_output = [streams](const Output& output) { streams->write(output); };
  if (options.input && options.by_line)
    eval.on_input = [streams](const std::string& prompt, bool password) {
      return streams->read({.prompt = prompt, .password = password});
    };
  else if (options.input)
    eval.on_input = [streams](const InputRequest& asked) { return streams->read(asked); };
  Outcome outcome;
  request.blocking = true;
  const Future<Value> future = worker.submit(request, std::move(eval));
  {
    auto left = options.timeout;
    if (left) *left -= start - options.since;
    RequestWatchdog watchdog(worker, own, signals, future, *streams, left);
    // An abandoned request never becomes ready: look up now and then.
    while (!future.wait_for(100ms) && !watchdog.abandoned()) {
    }
    outcome.abandoned = !future.ready();
    streams->end();
    watchdog.leave();
    outcome.cut = watchdog.cut();
    outcome.signal = watchdog.signal();
    outcome.killed = watchdog.killed();
  }
  streams->rethrow();
  outcome.timeout = options.timeout.value_or(0s);
  outcome.duration = std::chrono::steady_clock::now() - start;
  outcome.outputs = streams->collected();
  outcome.result = outcome.abandoned
                       ? Failure{.kind = FailureKind::interrupted, .message = "still running"}
                       : result_of(future);
  return outcome;
}

int exit_code(const Outcome& outcome) {
  if (outcome.cut == Cut::reader_gone) return kReaderGone;
  if (outcome.cut == Cut::terminated) return 128 + outcome.signal;
  if (outcome.value()) return kDone;  // it was quicker than whoever wanted to end it
  if (outcome.cut == Cut::timed_out) return kTimeout;
  if (outcome.cut == Cut::interrupted) return kInterrupted;
  return exit_code(outcome.failure()->kind);
}

void explain(const Outcome& outcome, const WakeEvent* cancel) {
  if (outcome.value() || outcome.cut == Cut::reader_gone) return;
  const std::string_view how = outcome.abandoned ? "; it did not stop and is still running"
                               : outcome.killed  ? "; it did not stop, so its kernel was killed"
                                                 : "";
  constexpr auto kPatience = 500ms;  // who wanted it to end need not wait for our last words
  if (outcome.cut == Cut::timed_out) {
    return complain(
        "timeout: not done after " + seconds_text(outcome.timeout.count()) + std::string(how),
        kPatience);
  }
  if (outcome.cut != Cut::none) {
    if (err().is_terminal()) say("\n", cancel, kPatience);  // it has shown ^C
    return complain("interrupted" + std::string(how), kPatience);
  }
  explain(*outcome.failure(), cancel);
}

}  // namespace oast::cli
