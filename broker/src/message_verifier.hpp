// Verifies what comes in, without holding up the loop.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "oast/codec.hpp"
#include "sockets.hpp"
#include "worker_thread.hpp"

namespace oast::broker {

/// Hands on each message with what is wrong with it, if anything: a small one at once, one that may
/// take long when a worker has seen it, and what comes from the same connection behind it after it.
/// Messages of all other connections overtake them. To be called on the loop's thread.
class MessageVerifier {
 public:
  using HandOn =
      std::function<void(RouterSocket&, Incoming&, std::optional<std::string_view> wrong)>;
  MessageVerifier(EventLoop& loop, const wire::Limits& limits, HandOn hand_on)
      : limits_(limits), hand_on_(std::move(hand_on)), worker_(loop) {}

  /// A Message of so many bytes can take as long as a turn of the loop may: 2 ms.
  static constexpr std::size_t kLarge = std::size_t{256} << 10;
  /// A connection of which so much is parked may not park more.
  static constexpr std::size_t kMostParked = std::size_t{256} << 20;

  /// Takes `in` over. Throws Error(overloaded), and does not take it, if it cannot be parked.
  void verify(RouterSocket& socket, Incoming& in);
  /// Calls back when all that is parked of the connection has been handed on: at once if nothing
  /// is.
  void after_parked(const RouterSocket& socket, const RoutingId& from,
                    const std::function<void()>& callback);

 private:
  using Connection = std::pair<const RouterSocket*, RoutingId>;
  struct Parked {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };

  void park(RouterSocket& socket, Incoming& in, Parked& parked);
  void unpark(RouterSocket& socket, Incoming& in, std::optional<std::string_view> wrong);

  const wire::Limits limits_;
  const HandOn hand_on_;
  std::map<Connection, Parked> parked_;  // without those of which nothing is
  WorkerThread worker_;
};

}  // namespace oast::broker
