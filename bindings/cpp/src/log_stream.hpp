// Records of a log on their way to a reader.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "oast/error.hpp"
#include "oast/frames.hpp"
#include "oast/ids.hpp"

namespace oast::detail {

/// What one ReadLog has brought and its reader has not taken yet. Bounded by flow control: the
/// broker sends so much ahead of what is acknowledged. Thread-safe; no function blocks.
class LogStream {
 public:
  LogStream(RequestId id, wire::ReadLogT asked)
      : id_(id), asked_(std::move(asked)), position_(std::max<std::uint64_t>(asked_.from, 1)) {}

  RequestId id() const { return id_; }
  KernelId kernel() const { return KernelId{asked_.kernel}; }
  /// The ReadLog that goes on behind what came.
  wire::Packet ask();
  /// There is something to take, or it has ended.
  bool ready() const noexcept { return ready_; }
  std::uint64_t position() const noexcept { return position_; }

  /// Records and gaps, in order.
  void push(wire::Addressed&& message);
  /// One that came and cannot be read: told when its turn comes.
  void push(Failure failure);
  /// The first end counts. `next`: where to go on; 0: not known.
  void finish(std::uint64_t next);
  void fail(Failure failure);
  /// What waits is thrown away, and it ends.
  void close();

  struct Taken {
    std::optional<wire::Addressed> message;  ///< nothing: the end
    std::uint64_t acknowledge = 0;           ///< up to this number, if it is time; else 0
  };
  /// Precondition: ready(). Throws the Error that ended it, or that stands for what cannot be read.
  Taken take();
  /// See LogReader::when_ready.
  void when_ready(std::function<void()> action);

 private:
  struct Entry {
    std::optional<wire::Addressed> message;
    std::optional<Failure> failure;
  };
  using Lock = std::unique_lock<std::mutex>;

  void change(Lock& lock);
  std::uint64_t count(const wire::Addressed& message);

  const RequestId id_;
  const wire::ReadLogT asked_;
  std::atomic<bool> ready_{false};
  std::atomic<std::uint64_t> position_;

  std::mutex mutex_;
  std::uint64_t came_ = 0;     // the last number, guarded by mutex_
  std::deque<Entry> entries_;  // guarded by mutex_, as all below
  bool ended_ = false;
  std::uint64_t next_ = 0;
  std::optional<Failure> failure_;
  std::size_t unacknowledged_ = 0;  // bytes that were taken
  std::function<void()> action_;
};

/// The streams of a session, by the id of their ReadLog. Thread-safe.
class LogStreams {
 public:
  /// False when closed.
  bool add(const std::shared_ptr<LogStream>& stream);
  /// Says whether it was there.
  bool remove(RequestId id);
  /// Takes in what belongs to a stream; says whether it did.
  bool take_in(wire::Addressed& message);
  bool take_in(const wire::Refused& refused);
  /// One ReadLog each, to go on over another connection.
  std::vector<wire::Packet> ask_again();
  /// Ends all, and takes no more.
  void fail_all(const Failure& failure);

 private:
  std::shared_ptr<LogStream> find(RequestId id) const;

  mutable std::mutex mutex_;
  std::unordered_map<RequestId, std::shared_ptr<LogStream>> streams_;
  bool closed_ = false;
};

}  // namespace oast::detail
