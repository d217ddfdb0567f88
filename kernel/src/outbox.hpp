// The one way out of a kernel.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "oast/codec.hpp"
#include "oast/ids.hpp"
#include "oast/shared_outbox.hpp"

namespace oast::kernel {

/// All that a kernel says to hosts on data: each message is a *record*, numbered from 1 without a
/// gap in the order in which they leave. Counts the bytes of those that are not acknowledged, so
/// that whoever produces can wait while there is no room: oast.fbs, Acknowledge.
///
/// Thread-safe; no function waits for anybody but another thread in here.
class Outbox {
 public:
  /// Sends on data without blocking, in the order of the calls. Called with a lock held.
  using Transmit = std::function<void(PeerId to, wire::Packet packet)>;
  explicit Outbox(Transmit transmit) : transmit_(std::move(transmit)) {}

  /// So many bytes may be unacknowledged; 0: there is no bound, and nothing is counted. Before the
  /// first record.
  void limit(std::uint64_t window_bytes) { window_ = window_bytes; }

  /// Keeps records until the broker has them, where they outlive this process. Before the first.
  void keep_in(std::unique_ptr<wire::OutboxWriter> memory) { memory_ = std::move(memory); }

  /// Gives the record its number and sends it, whether there is room or not. Precondition: it was
  /// written with wire::kNumberLater.
  void send(PeerId to, wire::Packet packet);

  /// The records up to `number` have been done with. True when there is room and was none before:
  /// those who wait must be woken.
  bool acknowledged(std::uint64_t number);

  /// Less than the window is unacknowledged. A record that is produced only then exceeds the window
  /// by no more than itself. Does not block.
  bool room() const noexcept { return room(0); }
  /// So it would be with so many bytes more.
  bool room(std::size_t more) const noexcept {
    return window_ == 0 || unacknowledged_ + more < window_;
  }

  /// Records that were sent here, are kept nowhere and have not left the process.
  std::size_t unsent() const noexcept { return *unsent_; }

 private:
  zmq::message_t watched(zmq::message_t frame) const;

  const Transmit transmit_;
  std::uint64_t window_ = 0;
  /// Outlives this object in messages that ZeroMQ still has.
  const std::shared_ptr<std::atomic<std::size_t>> unsent_ =
      std::make_shared<std::atomic<std::size_t>>(0);

  std::mutex mutex_;  // guards what follows, and the order of what is sent
  std::unique_ptr<wire::OutboxWriter> memory_;  // nullptr: there is none
  std::uint64_t last_ = 0;
  std::deque<std::size_t> sizes_;                // of the unacknowledged records up to last_
  std::atomic<std::size_t> unacknowledged_ = 0;  // the sum of them
};

}  // namespace oast::kernel
