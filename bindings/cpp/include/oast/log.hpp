// What a kernel has said, read again: its log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "oast/error.hpp"
#include "oast/evaluator.hpp"
#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast {

/// Which records of a kernel to read.
struct LogOptions {
  std::uint64_t from = 1;  ///< number of the first
  PeerId host = {};        ///< only what belongs to requests of this host; none: to those of all
  /// With `host`: only what belongs to this request; the end is then behind its terminal reply.
  RequestId request = {};
  bool follow = false;  ///< at the end, wait for more, until the kernel is dead
};

/// The value that a request ended with. Copies share it.
class LogValue {
 public:
  struct Impl;
  explicit LogValue(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  /// Decodes it, each time. Does not block. Throws std::bad_alloc.
  Value get() const;

 private:
  std::shared_ptr<const Impl> impl_;
};

/// The code asked for input.
using LogInput = InputRequest;

/// Records that are gone: the log is bounded.
struct LogGap {
  std::uint64_t first = 0;  ///< numbers, both gone
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;  ///< of them all
};

/// The kernel has died: its last record.
struct LogEnded {
  Death death;
  KernelId successor;  ///< started in its place; none
};

/// One thing that a kernel said to a host.
struct LogRecord {
  std::uint64_t number = 0;  ///< each kernel's own, from 1; of a gap its first
  RequestKey request = {};   ///< whom it was for; none of a gap and an end
  /// A LogValue or a Failure ends the request.
  std::variant<Output, LogValue, Failure, LogInput, LogGap, LogEnded> what;
};

/// Reads the log of a kernel, from some number to the end, or on and on. Made by Broker::read_log.
/// It holds nobody back: what it does not read in time becomes a gap. The broker sends it 4 MiB
/// ahead at most.
///
/// Movable. One thread at a time may call `next`; `close` may be called by another. It keeps the
/// connection to the broker.
class LogReader {
 public:
  using Clock = std::chrono::steady_clock;

  ~LogReader();
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;

  /// Blocks for the next record; nothing: that was the end, also after `close`. Throws
  /// Error(not_found) when there is no such log, Error(disconnected), and what the interrupt check
  /// of the thread says. Not to be called in a callback.
  std::optional<LogRecord> next() { return next_until(std::nullopt); }
  /// Throws Error(timeout) as well, when none comes in time; it may be called again.
  std::optional<LogRecord> next_for(std::chrono::nanoseconds time) {
    return next_until(Clock::now() + time);
  }
  std::optional<LogRecord> next_until(std::optional<Clock::time_point> deadline);
  /// `next` would not block. Does not block.
  bool ready() const;
  /// Calls `action` once, as soon as `next` would not block: now, on this thread, or later on the
  /// thread that receives, where it must not block, take locks that waiting threads hold, or throw.
  /// At most one is kept: an earlier one that has not been called is called now.
  void when_ready(std::function<void()> action);
  /// The number at which another reader would go on. Does not block.
  std::uint64_t position() const;
  /// No more records come. May be called again. Does not block.
  void close() noexcept;

 private:
  friend class Broker;
  struct Impl;
  explicit LogReader(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace oast
