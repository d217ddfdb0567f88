// What the two sides of a session send each other on one socket, across connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "oast/codec.hpp"
#include "oast/ids.hpp"

namespace oast::wire {

/// The same packet, whose frames share their memory with the original's. libzmq counts who shares
/// inside the original, which is therefore not const.
Packet share(Packet& packet);

/// Messages that the other side may not have yet, numbered from 1. PROTOCOL.md, "Sessions".
class SentMessages {
 public:
  /// Gives the packet the next number and keeps a share of it. Precondition: it was packed with
  /// kNumberLater. Throws std::bad_alloc, with nothing kept.
  void keep(PeerId to, Packet& packet);
  /// The other side has all up to `number`.
  void acknowledge(std::uint64_t number);
  /// The next gets `number + 1`: of a host that goes on where an earlier process ended.
  void go_on_after(std::uint64_t number);

  /// Calls `send(PeerId to, Packet)` with a share of each that is kept, in order.
  template <class Send>
  void resend(const Send& send) {
    for (Kept& kept : kept_) send(kept.to, share(kept.packet));
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::uint64_t number;
    PeerId to;
    Packet packet;
  };
  std::deque<Kept> kept_;
  std::uint64_t last_ = 0;
  std::size_t bytes_ = 0;
};

/// What came of the other side's SentMessages.
class ReceivedMessages {
 public:
  /// Of received bytes before an acknowledgement is worth a message.
  static constexpr std::size_t kWorthTelling = std::size_t{256} << 10;

  /// False: it came before, and is to be dropped. A message without a number is always new.
  bool take(std::uint64_t number, std::size_t bytes);
  std::uint64_t last() const { return last_; }
  /// The number to acknowledge now, if it is time, or, with `rest`, if any is to be acknowledged.
  std::optional<std::uint64_t> due(bool rest = false);

 private:
  std::uint64_t last_ = 0;
  std::uint64_t told_ = 0;
  std::size_t bytes_ = 0;  // since
};

}  // namespace oast::wire
