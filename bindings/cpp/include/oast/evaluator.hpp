// What every worker can do, wherever its code runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "oast/future.hpp"
#include "oast/remote_channel.hpp"
#include "oast/value.hpp"

namespace oast {

enum class InterruptOutcome : unsigned char {
  interrupted,  ///< it ran, and ended with `interrupted`
  cancelled,    ///< it was queued and will never run
  already_finished,
  nothing_running,
  not_interruptible,  ///< it still runs at the deadline
  killed,             ///< it still ran at the deadline, and the caller had asked for escalation
};
/// "interrupted", "cancelled", "already_finished", ...
std::string_view to_string(InterruptOutcome outcome);

/// Something that a request printed or showed, or took back.
struct Output {
  /// clear: what the request has printed and shown so far goes away.
  enum class Stream : unsigned char { out, err, display, clear };
  Stream stream = Stream::out;
  /// Of out and err: what was written, byte for byte.
  std::string text = {};
  /// `text` is UTF-8; false: bytes of whatever kind, which whoever shows them has to make readable.
  /// Each output is looked at alone: a program may write a character in two.
  bool utf8 = true;
  /// Of a display: MIME type, and text or bytes.
  std::vector<std::pair<std::string, Value>> parts = {};
  std::string display_id = {};  ///< of a display: its name for later updates; may be empty
  bool update = false;          ///< of a display: replaces what was shown under display_id
  bool wait = false;            ///< of a clear: only when the next output comes
  bool result = false;          ///< of a display: the value that the request ended with
};

/// Takes output, in order. Called on the thread that receives, which may be any thread that waits
/// for an answer of the same broker: it must not block, nor take a lock that a waiting thread
/// holds. None runs after its worker was destroyed, nor after the function that blocked for its
/// request has returned. What it throws is thrown by `get` of its request, once that has ended;
/// without such a request it is told on stderr.
///
/// What a kernel sends is acknowledged when its callback has returned, and of what is not, a kernel
/// may send 4 MiB: a callback that is slow, or blocks all the same, holds back the code that
/// prints.
using OutputCallback = std::function<void(const Output&)>;

/// Keeps an output unacknowledged after its callback has returned, until the last copy goes, on any
/// thread. For who only queues output there: taken with each and dropped when it was dealt with,
/// holds keep the queue as short as a callback would that does all itself.
using OutputHold = std::shared_ptr<void>;
/// Of the output whose callback runs on this thread. Does not block. Empty outside of callbacks,
/// and for an InProcessWorker, whose output is not counted.
OutputHold hold_output();

/// What running code asks its host for: a line, or the next bytes of its standard input.
struct InputRequest {
  std::string prompt;           ///< of a line
  bool password = false;        ///< the line is one, and should not be shown
  std::size_t block_bytes = 0;  ///< 0: a line, without its newline; else so many bytes at most
};

/// Answers what running code asks for. Called on a thread of its own; may block, also longer than
/// the worker and the broker live. What it throws counts as end of input.
///
/// Made of a function `(const std::string& prompt, bool password)`, which gives a line, also where
/// code reads bytes; or of one `(const InputRequest&)`, which gives a line or, as soon as there are
/// any, at least one byte and at most `block_bytes`, as they are. No value: the input has ended.
class InputCallback {
 public:
  using Answer = std::optional<std::string>;

  InputCallback() = default;
  template <class F>
  requires std::is_invocable_r_v<Answer, F&, const InputRequest&> InputCallback(F answer)
      : answer_(std::move(answer)) {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires std::is_invocable_r_v<Answer, F&, const std::string&, bool> InputCallback(
      F lines)  // NOLINT(google-explicit-constructor)
      : answer_([lines = std::move(lines)](const InputRequest& asked) mutable {
          Answer line = lines(asked.prompt, asked.password);
          if (line && asked.block_bytes != 0) *line += '\n';
          return line;
        }) {}

  explicit operator bool() const { return static_cast<bool>(answer_); }
  Answer operator()(const InputRequest& asked) const { return answer_(asked); }

 private:
  std::function<Answer(const InputRequest&)> answer_;
};

struct EvalOptions {
  std::string source_name = {};  ///< what tracebacks call the code; empty: "eval"
  std::vector<Value> args = {};  ///< the chunk's arguments
  unsigned lane = 0;
  /// The request's deadline, counted from its acceptance: then its broker interrupts or cancels it,
  /// and it fails with `timeout`. Functions that block throw Error(timeout) then in any case; what
  /// they asked for ends on its own, once, unseen. For an InProcessWorker only those have one.
  std::optional<std::chrono::milliseconds> timeout = {};
  /// With `timeout`: so long after it the kernel is killed if the code still runs. Empty: never.
  std::optional<std::chrono::milliseconds> kill_after = {};
  /// The request goes on when this host leaves, and its records stay in the kernel's log.
  bool keep = false;
  /// All output of this request comes before its future is ready. Empty: the worker's own callback.
  /// Output of what a request left running comes later, to the worker's own.
  OutputCallback on_output = {};
  /// Empty: the worker's own; without any, end of input.
  InputCallback on_input = {};
};

struct InterruptOptions {
  std::chrono::milliseconds timeout{2000};  ///< then it counts as not interruptible
  bool escalate = false;                    ///< and is killed
};

struct StopOptions {
  std::chrono::milliseconds exit_timeout{15000};  ///< asked to leave; then SIGTERM
  std::chrono::milliseconds term_timeout{15000};  ///< then SIGKILL
};

struct Completions {
  std::vector<std::string> matches;
  std::size_t start = 0;  ///< bytes [start, end) of the code are replaced by a match
  std::size_t end = 0;
};

enum class CodeStatus : unsigned char { complete, incomplete, invalid, unknown };
struct Completeness {
  CodeStatus status = CodeStatus::unknown;
  std::string indent;  ///< of the next line, when incomplete
};

/// A function given as source rather than by name:
/// `w.remote_call_fetch(source("function(a, b) return a + b end"), {1, 2})`.
struct Source {
  std::string_view text;
};
inline Source source(std::string_view text) { return Source{text}; }

/// A function at a dotted path, for `remote_do`, whose plain text is code.
struct Function {
  std::string_view path;
};
inline Function function(std::string_view path) { return Function{path}; }

/// Something that evaluates code: a Worker or an InProcessWorker. Thread-safe.
///
/// Failures are thrown as Error or one of its classes, by `get` of the future or by the call that
/// blocks: RemoteException when the code raised, TerminatedWorkerException when the worker is dead
/// or died meanwhile, Error(interrupted), Error(timeout), Error(disconnected) when the broker is
/// gone, Error(overloaded), Error(not_found) for an unknown function, Error(invalid) when the value
/// is no T. What cannot be sent at all, because it is too large or nests too deeply, throws
/// Error(invalid) from the call itself, also from those that do not block.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  /// What is asked of a worker, in all its variations.
  struct Request {
    /// shown: for a person to look at; a value that only its own language could read comes as a
    /// display, if the kernel can, and the value is nil. displayed: for a notebook; a value that is
    /// not nil comes as a display that is the `result`, in all the forms it has, and the value is
    /// nil; from a kernel that cannot, as the value.
    enum class Reply : unsigned char { value, done, nothing, channel, shown, displayed };
    enum class What : unsigned char { eval, call, call_source };
    What what = What::eval;
    std::string_view text = {};  ///< code, dotted path, or source of a function
    Reply reply = Reply::value;
    /// The caller blocks for the answer right away: it will receive it itself.
    bool blocking = false;
  };
  /// Sends the request; does not block. With Reply::nothing the future is not valid.
  virtual Future<Value> submit(const Request& request, EvalOptions options) = 0;
  /// Interrupts whatever runs now, of whatever host. Blocks until the outcome is known, at most
  /// `options.timeout` and the way there and back.
  virtual InterruptOutcome interrupt(InterruptOptions options = {}) = 0;
  /// Blocks until it is gone, by the stop ladder. May be called again.
  virtual void stop(StopOptions options = {}) = 0;
  /// False once it is dead, stopped or out of reach. May block for an answer of the broker.
  virtual bool isrunning() const = 0;

  /// What could stand at byte `cursor` of the code. These three block, and wait while the worker
  /// evaluates.
  virtual Completions complete(std::string_view code, std::size_t cursor) = 0;
  /// What stands at the cursor, as text for a person; nothing when unknown. `detail` 0 or 1.
  virtual std::optional<std::string> inspect(std::string_view code, std::size_t cursor,
                                             int detail = 0) = 0;
  /// Whether a frontend should evaluate the code or ask for another line.
  virtual Completeness is_complete(std::string_view code) = 0;

  /// Evaluates `code`; its value comes in the future. Does not block.
  Future<Value> remote_eval(std::string_view code, EvalOptions options = {});
  /// Blocks; the value as a T.
  template <class T = Value>
  T remote_eval_fetch(std::string_view code, EvalOptions options = {}) {
    return convert<T>(fetch({.what = What::eval, .text = code}, std::move(options)));
  }
  /// Blocks; the value is discarded where it is.
  void remote_eval_wait(std::string_view code, EvalOptions options = {});

  /// Calls the function at a dotted path ("string.upper"), or given as source, with `args`.
  /// `options.args` is not used.
  Future<Value> remote_call(std::string_view function, std::vector<Value> args = {},
                            EvalOptions options = {});
  Future<Value> remote_call(Source function, std::vector<Value> args = {},
                            EvalOptions options = {});
  /// Blocks; the value as a T.
  template <class T = Value>
  T remote_call_fetch(std::string_view function, std::vector<Value> args = {},
                      EvalOptions options = {}) {
    options.args = std::move(args);
    return convert<T>(fetch({.what = What::call, .text = function}, std::move(options)));
  }
  template <class T = Value>
  T remote_call_fetch(Source function, std::vector<Value> args = {}, EvalOptions options = {}) {
    options.args = std::move(args);
    return convert<T>(
        fetch({.what = What::call_source, .text = function.text}, std::move(options)));
  }
  /// Blocks; the value is discarded where it is.
  void remote_call_wait(std::string_view function, std::vector<Value> args = {},
                        EvalOptions options = {});
  void remote_call_wait(Source function, std::vector<Value> args = {}, EvalOptions options = {});

  /// Evaluates or calls without any answer, also when it fails. Does not block. Output goes to the
  /// worker's own callback.
  void remote_do(std::string_view code, EvalOptions options = {});
  void remote_do(Function function, std::vector<Value> args = {}, EvalOptions options = {});
  void remote_do(Source function, std::vector<Value> args = {}, EvalOptions options = {});

  /// Evaluates `code`, whose value must be a channel. Blocks.
  template <class T = Value>
  RemoteChannel<T> worker_channel(std::string_view code, EvalOptions options = {}) {
    return RemoteChannel<T>(channels(), open_channel(code, std::move(options)));
  }

 protected:
  Evaluator() = default;
  Evaluator(const Evaluator&) = default;
  Evaluator& operator=(const Evaluator&) = default;
  Evaluator(Evaluator&&) = default;
  Evaluator& operator=(Evaluator&&) = default;

 private:
  using What = Request::What;

  /// Where the channels of `worker_channel` live.
  virtual std::shared_ptr<detail::ChannelHome> channels() = 0;
  ChannelId open_channel(std::string_view code, EvalOptions options);

  /// Sends, and blocks for the value.
  Value fetch(Request request, EvalOptions options);
  template <class T>
  static T convert(Value&& value) {
    if constexpr (std::is_same_v<T, Value>) {
      return std::move(value);
    } else {
      return value.template as<T>();
    }
  }
};

/// The free spelling of Evaluator::worker_channel.
template <class T = Value>
RemoteChannel<T> worker_channel(Evaluator& worker, std::string_view code) {
  return worker.worker_channel<T>(code);
}

}  // namespace oast
