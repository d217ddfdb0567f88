// The line between the kernel runtime and a language. The C ABI of the kernel SDK will stand on the
// same line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast::kernel {

enum class Stream : unsigned char { out, err };

/// Thrown out of Services and engines when the running request was interrupted.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// What a runtime does for its engine. All functions are called on the engine's thread unless they
/// say otherwise.
class Services {
 public:
  virtual ~Services() = default;

  /// Output of the running request, or of the last one: any bytes. Buffered briefly, flushed before
  /// the reply. Blocks while the hosts do not keep up. Throws Interrupted when that ends the wait:
  /// on the engine's thread by an interrupt of the running request, on others when the kernel shall
  /// end; a text of at most 16 KiB is then not output, a longer one in part. Thread-safe.
  virtual void output(Stream stream, std::string_view text) = 0;
  /// The same for what an engine has buffered itself when the request ends, interrupted or not:
  /// does not block.
  virtual void output_at_end(Stream stream, std::string_view text) { output(stream, text); }
  /// Sends buffered output now: before a child process starts to write, say. Blocks and throws as
  /// `output`. Thread-safe.
  virtual void flush() = 0;
  /// Asks the host of the running request for a line, without its newline; nothing at end of input.
  /// Blocks. Throws Interrupted.
  virtual std::optional<std::string> input(std::string_view prompt, bool password) = 0;
  /// The next bytes of the running request's standard input, as soon as there are any, at most
  /// `most`; none at its end. What the request leaves unread is lost. Blocks. Throws Interrupted.
  virtual std::string read_input(std::size_t most) = 0;
  /// True from the moment that the running request was interrupted until it ends.
  /// Async-signal-safe, thread-safe.
  virtual bool interrupted() const noexcept = 0;

  /// Channels, which live in the runtime. Capacity 0 counts as 1. Thread-safe.
  virtual ChannelId make_channel(std::size_t capacity) = 0;
  /// Blocks while the channel is full. Throws Error(not_found) when closed, Interrupted.
  virtual void put(ChannelId channel, Value value) = 0;
  /// Blocks while the channel is empty; nothing when it is closed and empty. Throws Interrupted.
  virtual std::optional<Value> take(ChannelId channel) = 0;
  /// True when a take would not block.
  virtual bool ready(ChannelId channel) = 0;
  virtual void close(ChannelId channel) = 0;

  /// The engine wants to end the process with `code` (os.exit): sends what is buffered, then exits
  /// without returning. In a host's own process it throws Error(unimplemented) instead.
  [[noreturn]] virtual void exit(int code) = 0;
};

struct EvalRequest {
  std::string_view code;
  std::string_view source_name;  ///< empty: "eval"
  std::vector<Value> args;
  bool want_value = true;     ///< false: the value is not converted, nil is returned
  bool want_channel = false;  ///< the value must be a channel; returns its id as int64
};

struct CallRequest {
  std::string_view function;  ///< a dotted path, or empty
  std::string_view source;    ///< code that gives a function, or empty
  std::vector<Value> args;
  bool want_value = true;
  bool want_channel = false;
};

struct Completions {
  std::vector<std::string> matches;
  std::uint32_t start = 0;  ///< bytes [start, end) of the code are replaced by a match
  std::uint32_t end = 0;
};

enum class CodeStatus : unsigned char { complete, incomplete, invalid, unknown };
struct Completeness {
  CodeStatus status = CodeStatus::unknown;
  std::string indent;  ///< of the next line, when incomplete
};

/// One language in one process. All functions but `interrupt` run on one thread, the one that made
/// the engine, one at a time.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Both return the value and throw Error(remote_exception) with type and traceback when the code
  /// raised or the value cannot be sent, Error(not_found) for an unknown function, and Interrupted.
  /// After any of them the engine is ready for the next request.
  virtual Value eval(const EvalRequest& request) = 0;
  virtual Value call(const CallRequest& request) = 0;

  virtual Completions complete(std::string_view code, std::uint32_t cursor) = 0;
  /// What is at the cursor, as text for a person; nothing when unknown. `detail` 0 or 1.
  virtual std::optional<std::string> inspect(std::string_view code, std::uint32_t cursor,
                                             int detail) = 0;
  virtual Completeness is_complete(std::string_view code) = 0;

  /// Makes the running code stop as soon as the language lets it: it throws Interrupted out of eval
  /// or call. The runtime calls it in a signal handler on the engine's thread, with
  /// Services::interrupted() already true, maybe more than once for one request.
  /// Async-signal-safe.
  virtual void interrupt() noexcept = 0;
};

}  // namespace oast::kernel
