// Channels that live in a worker.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "oast/error.hpp"
#include "oast/future.hpp"
#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast {

namespace detail {

/// Where channels live: what a worker lends its RemoteChannels. Thread-safe.
class ChannelHome {
 public:
  enum class Operation : unsigned char { put, put_back, take, ready, close };

  ChannelHome() = default;
  virtual ~ChannelHome() = default;
  ChannelHome(const ChannelHome&) = delete;
  ChannelHome& operator=(const ChannelHome&) = delete;

  /// Does not block. `value` is what is put.
  virtual Future<Value> channel(Operation operation, ChannelId channel, Value value) = 0;
};

/// Blocks until the take is ready or the time is over; then cancels it, and waits a moment for what
/// came of that. False when nothing came. Whatever a take that is left so, also by the interrupt
/// check, still gets is put back.
bool await_take(const std::shared_ptr<ChannelHome>& home, ChannelId channel,
                const std::shared_ptr<Pending>& take, std::optional<std::chrono::nanoseconds> time);
/// See RemoteChannel::abandon.
void abandon_take(const std::shared_ptr<ChannelHome>& home, ChannelId channel,
                  const std::shared_ptr<Pending>& take);

}  // namespace detail

/// A bounded queue of values that lives in a worker and is used from both sides. Made by
/// `worker_channel`. Copies share it. Thread-safe. It ends with its worker, which it does not keep
/// running; then every function throws TerminatedWorkerException.
template <class T = Value>
class RemoteChannel {
 public:
  RemoteChannel() = default;
  RemoteChannel(std::shared_ptr<detail::ChannelHome> home, ChannelId id)
      : endpoint_(std::move(home)), id_(id) {}

  ChannelId id() const { return id_; }

  /// Blocks while the channel is full. Throws Error(not_found) when it is closed.
  void put(const T& value) const { put_async(value).get(); }
  /// Blocks while the channel is empty. Throws Error(not_found) when it is closed and empty.
  T take() const {
    Future<T> taken = take_async();
    detail::await_take(endpoint_, id_, taken.pending(), std::nullopt);
    return taken.take();
  }
  /// As take, but gives nothing when the time is over first, and then has taken nothing. A worker
  /// that does not answer, being stopped, is given a second more; what it may have given by then
  /// goes back to the front of the channel when it arrives.
  std::optional<T> take_for(std::chrono::nanoseconds time) const;
  /// True when a take would not block. Blocks for the answer. Throws Error(not_found) when the
  /// channel is closed and empty.
  bool is_ready() const { return Future<bool>(ask(Operation::ready, {})).get(); }
  /// What it holds can still be taken. Blocks for the answer; may be called again.
  void close() const { Future<void>(ask(Operation::close, {})).get(); }

  /// Do not block. `cancel` of the future takes back a put or take that still waits.
  Future<void> put_async(const T& value) const {
    return Future<void>(ask(Operation::put, Value(value)));
  }
  Future<T> take_async() const { return Future<T>(ask(Operation::take, {})); }

  /// Cancels a take of this channel whose value nobody will get: should it have one, or still get
  /// one, that goes back to the front of the channel. Does not block.
  void abandon(const Future<T>& taken) const {
    detail::abandon_take(endpoint_, id_, taken.pending());
  }

  /// `for (T value : channel)` takes until the channel is closed and empty. Every step blocks.
  class Iterator;
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  using Operation = detail::ChannelHome::Operation;

  std::shared_ptr<detail::Pending> ask(Operation operation, Value value) const {
    return endpoint_->channel(operation, id_, std::move(value)).pending();
  }

  std::shared_ptr<detail::ChannelHome> endpoint_;
  ChannelId id_;
};

template <class T>
std::optional<T> RemoteChannel<T>::take_for(std::chrono::nanoseconds time) const {
  Future<T> taken = take_async();
  if (!detail::await_take(endpoint_, id_, taken.pending(), time)) return std::nullopt;
  try {
    return taken.take();
  } catch (const Error& error) {
    if (error.kind() == FailureKind::interrupted) return std::nullopt;
    throw;
  }
}

template <class T>
class RemoteChannel<T>::Iterator {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the names that std::input_iterator asks for
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  // NOLINTEND(readability-identifier-naming)

  explicit Iterator(RemoteChannel channel) : channel_(std::move(channel)) { ++*this; }
  const T& operator*() const { return *value_; }
  Iterator& operator++() {
    try {
      value_ = channel_.take();
    } catch (const Error& error) {
      if (error.kind() != FailureKind::not_found) throw;
      value_.reset();
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return !value_.has_value(); }

 private:
  RemoteChannel channel_;
  std::optional<T> value_;
};

}  // namespace oast
