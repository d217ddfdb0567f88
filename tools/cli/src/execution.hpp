// One request under the eyes of a person: with Ctrl-C, a deadline, and output as it comes.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oast/worker.hpp"
#include "request_streams.hpp"
#include "signal_reader.hpp"
#include "wake_event.hpp"

namespace oast::cli {

struct ExecutionOptions {
  std::string source_name;
  std::vector<Value> args = {};
  std::optional<std::chrono::duration<double>> timeout = {};
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  ///< of timeout
  bool collect = false;  ///< keep the output instead of printing it
  /// Code that reads bytes gets a line at a time: what follows on our standard input is not its
  /// own.
  bool by_line = false;
  bool input = true;  ///< the code may read our standard input; else its input has ended
  /// Where the output goes, for one request only; empty: its own.
  std::shared_ptr<RequestStreams> streams = {};
};

/// Why a request was told to end before its time.
enum class Cut : unsigned char { none, interrupted, terminated, timed_out, reader_gone };

struct Outcome {
  std::variant<Value, Failure> result;
  Cut cut = Cut::none;
  int signal = 0;          ///< for Cut::terminated
  bool abandoned = false;  ///< it was told to end, did not, and goes on without us
  bool killed = false;     ///< it was told to end, did not, and its kernel was killed
  std::chrono::duration<double> duration{0};
  std::chrono::duration<double> timeout{0};
  std::vector<Output> outputs;  ///< if collected; neighbours of the same stream joined

  const Value* value() const { return std::get_if<Value>(&result); }
  const Failure* failure() const { return std::get_if<Failure>(&result); }
};

/// Has `request` done, printing its output to our own streams and answering its input requests from
/// our standard input. Blocks until it has ended. `own`: the kernel is ours, and is killed when the
/// code does not end: soon after Ctrl-C, or at the second one where a person can be told so, soon
/// after the deadline, at once on SIGTERM. Somebody else's kernel is left alone and the request
/// abandoned.
///
/// Throws std::system_error when the output cannot be written for another reason than that its
/// reader left.
Outcome execute(Worker& worker, bool own, SignalReader& signals, Evaluator::Request request,
                ExecutionOptions options);

/// The exit code that the outcome calls for.
int exit_code(const Outcome& outcome);

/// Says on standard error why there is no value. Nothing when there is one. Ends early when
/// `cancel` rings.
void explain(const Outcome& outcome, const WakeEvent* cancel = nullptr);

}  // namespace oast::cli
