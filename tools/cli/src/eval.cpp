// oast eval: one piece of code, its value on stdout.
#include "command.hpp"
#include "console.hpp"
#include "execution.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"
#include "json_text.hpp"
#include "log_follower.hpp"
#include "value_text.hpp"

namespace oast::cli {
namespace {

struct EvalCommand {
  KernelChoice kernel;
  std::optional<double> timeout;
  bool json = false;
  bool no_wait = false;
  std::string code;
};

constexpr const char* kEvalExamples =
    "  oast eval '1 + 1'                              prints 2\n"
    "  oast eval 'return 1.5, \"a\", {x = {1, 2}}'      prints a Lua literal\n"
    "  oast eval -k python '{\"x\": [1, None]}'         prints {'x': [1, None]}\n"
    "  oast eval 'print(\"a\" .. \"b\")'                  prints ab, without quotes\n"
    "  oast eval --timeout 1 'while true do end'      exits 5\n"
    "  oast eval --to work 'x = (x or 0) + 1 return x'\n"
    "  oast eval --to work --no-wait 'long()'         prints HOST:N, for `oast wait work HOST:N`\n"
    "  oast eval --json 'error(\"boom\")'               one JSON object\n"
    "  oast eval -- '-1 * 2'                          code that begins with a dash\n"
    "\n"
    "--json prints {\"status\": \"ok\", \"value\", \"text\": the value as its language writes it,\n"
    "\"outputs\", \"kernel\", \"duration_ms\"}, or {\"status\": \"error\", \"kind\", \"message\",\n"
    "\"type\", \"traceback\": [innermost last], \"cause\", \"outputs\", \"kernel\", "
    "\"duration_ms\"}.\n"
    "  kind     remote_exception, interrupted, kernel_died, timeout, overloaded, disconnected,\n"
    "           not_found, permission_denied, invalid, unimplemented, incompatible\n"
    "  cause    only when the kernel died: {\"cause\", \"exit_code\", \"signal\", "
    "\"signal_name\",\n"
    "           \"explanation\", \"stderr_tail\"}; null for what does not apply\n"
    "  outputs  [{\"stream\": out, err or display, \"text\", \"parts\": a display's, by MIME "
    "type}];\n"
    "           what is no UTF-8 has \"bytes_base64\", too: all of it as it was written\n"
    "  value    null, booleans, numbers, strings, lists and maps of strings are JSON's own; else\n"
    "           {\"float\": inf, -inf or nan}, {\"bytes_base64\"}, {\"map\": [[key, value], "
    "...]},\n"
    "           {\"tensor\": {\"dtype\", \"shape\", \"data\": up to 1000 elements}},\n"
    "           {\"error\": {...}}, {\"native\": {\"format\", \"bytes\": how many}};\n"
    "           null for an object of Python's own, which is a display among the outputs\n";

// Outcomes and errors have these in common.
Json failure_json(std::string_view kind, const Failure& failure) {
  Json json{{"status", "error"},
            {"kind", kind},
            {"message", failure.message},
            {"type", failure.type},
            {"traceback", failure.traceback}};
  if (failure.kind == FailureKind::kernel_died) json["cause"] = to_json(failure.death);
  return json;
}

Json outcome_json(const Outcome& outcome, const std::string& kernel, const std::string& language) {
  Json json;
  if (const Value* value = outcome.value()) {
    json = {{"status", "ok"}, {"value", to_json(*value)}};
    json["text"] = value->is_nil() ? std::string() : value_text(*value, language);
  } else {
    const Failure& failure = *outcome.failure();
    const bool late = outcome.cut == Cut::timed_out;
    const bool stopped = outcome.cut == Cut::interrupted || outcome.cut == Cut::terminated;
    json = failure_json(to_string(late      ? FailureKind::timeout
                                  : stopped ? FailureKind::interrupted
                                            : failure.kind),
                        failure);
    if (late) json["message"] = "not done after " + seconds_text(outcome.timeout.count());
  }
  json["outputs"] = to_json(outcome.outputs);
  json["kernel"] = kernel;
  json["duration_ms"] = to_thousandths(outcome.duration.count() * 1000);
  return json;
}

int print_outcome(const Outcome& outcome, const std::string& language) {
  if (const Value* value = outcome.value(); value && !value->is_nil()) {
    const std::string gap = out().at_line_start() ? "" : "\n";
    out().print(gap + value_text(*value, language, window_size(out().fd()).columns) + "\n");
  }
  explain(outcome);
  return exit_code(outcome);
}

int evaluate(const EvalCommand& command) {
  SignalReader signals;
  std::optional<TargetKernel> target;
  std::string language;
  {
    const ExitOnSignal impatient(signals);
    OutputCallback missed;  // while nobody was there, in a session
    if (in_session() && !command.json)
      missed = [streams = std::make_shared<RequestStreams>(false)](const Output& output) {
        streams->write(output);
      };
    target.emplace(command.kernel, std::move(missed));
    language = target->language();
  }
  ExecutionOptions options{.source_name = "eval", .collect = command.json};
  if (command.timeout) options.timeout = std::chrono::duration<double>(*command.timeout);
  const Outcome outcome = execute(target->worker(), target->own(), signals,
                                  {.text = command.code, .reply = Evaluator::Request::Reply::shown},
                                  std::move(options));
  const ExitOnSignal impatient(signals);  // a long value may be in nobody's interest
  if (!command.json) return print_outcome(outcome, language);
  out().print(dump(outcome_json(outcome, target->worker().name(), language)) + "\n");
  return exit_code(outcome);
}

/// The request has begun, or waits, and `oast wait` will show what this failure is; else it was
/// refused.
bool is_outcome(const Failure& failure) {
  switch (failure.kind) {
    case FailureKind::remote_exception:
    case FailureKind::interrupted:
    case FailureKind::timeout:
    case FailureKind::disconnected:  // this command has left
      return true;
    case FailureKind::kernel_died:
      return !failure.death.explanation.empty();  // none: it is being stopped
    default:
      return false;
  }
}

/// Leaves the request to the kernel and its log.
int send_only(const EvalCommand& command) {
  SignalReader signals;
  const ExitOnSignal impatient(signals);
  std::optional<TargetKernel> target(command.kernel);
  EvalOptions options{.source_name = "eval"};
  options.keep = true;
  if (command.timeout) options.timeout = to_milliseconds(*command.timeout);
  const Future<Value> future = target->worker().submit(
      {.text = command.code, .reply = Evaluator::Request::Reply::shown}, std::move(options));
  const RequestKey key = future.key();
  target.reset();  // returns when the broker has the request, and has refused it if it did
  if (future.ready()) try {
      static_cast<void>(future.get());
    } catch (const Error& error) {
      if (!is_outcome(error.failure())) {
        explain(error.failure());
        return exit_code(error.kind());
      }
    }
  out().print(request_label(key) + "\n");
  return kDone;
}

// What fails before there is an outcome, as JSON.
int evaluate_json(const EvalCommand& command) {
  const auto print = [](const Failure& failure) {
    Json json = failure_json(to_string(failure.kind), failure);
    json["outputs"] = Json::array();
    json["kernel"] = nullptr;
    json["duration_ms"] = 0;
    out().print(dump(json) + "\n");
  };
  try {
    return evaluate(command);
  } catch (const NoBroker& error) {
    print({.kind = FailureKind::disconnected, .message = error.what()});
    return kNoBroker;
  } catch (const Error& error) {
    print(error.failure());
    return exit_code(error.kind());
  }
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  auto command = std::make_shared<EvalCommand>();
  CLI::App& sub = add_command(app, "eval", "Evaluate code and print its value", kEvalExamples);
  add_kernel_options(sub, command->kernel);
  add_seconds_option(sub, "--timeout", command->timeout,
                     "Interrupt the code after S seconds and exit 5");
  auto* json = sub.add_flag("--json", command->json, "Print one JSON object, whatever happens");
  sub.add_flag("--no-wait", command->no_wait, "Print the request's label and leave it running")
      ->excludes(json);
  sub.add_option("CODE", command->code, "What to evaluate")->required()->type_name("");
  sub.callback([command, &action] {
    if (command->code.find_first_not_of(" \t\r\n") == std::string::npos) {
      throw CLI::ValidationError("CODE", "is empty; an expression such as '1 + 1' would be right");
    }
    if (command->no_wait && command->kernel.to.empty())
      throw CLI::ValidationError("--no-wait", "wants --to: a kernel of its own would end with it");
    action = [command] {
      if (command->no_wait) return send_only(*command);
      return command->json ? evaluate_json(*command) : evaluate(*command);
    };
  });
}

}  // namespace oast::cli
