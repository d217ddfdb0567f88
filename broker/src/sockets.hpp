// The broker's three sockets.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/frames.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

/// What names one connection of a ROUTER; chosen by libzmq, or by the peer in its handshake.
using RoutingId = std::string;

/// A message as it came in. `packet` was not verified yet.
struct Incoming {
  zmq::message_t origin;  ///< its routing id as libzmq gave it
  RoutingId from;
  PeerId to;
  wire::Packet packet;

  /// The descriptor of the connection that it came over, or -1 of inproc.
  int connection();
};

/// One ROUTER. Sending never blocks and never drops silently: what the other side does not read
/// piles up here, and a peer that is gone is reported to the caller.
class RouterSocket {
 public:
  RouterSocket(zmq::context_t& context, std::size_t frame_bytes);

  void bind(const std::string& endpoint);
  int fd() const;

  enum class Received : unsigned char { nothing, malformed, message };
  /// Takes one message. `malformed`: its frames made no message and were dropped; only `from` is
  /// set.
  Received receive(Incoming& into);
  /// Sends `packet`, emptying it. False when the connection is gone.
  bool send(const RoutingId& to, PeerId from, wire::Packet&& packet, const wire::Route& route = {});

 private:
  zmq::socket_t socket_;
};

/// The XPUB of monitors: accepts a subscription only if it carries a token that `admits`.
class EventsSocket {
 public:
  /// `connection`: as of Incoming.
  using Admits = std::function<bool(std::string_view token, int connection)>;
  EventsSocket(zmq::context_t& context, Admits admits);

  void bind(const std::string& endpoint);
  int fd() const;

  /// Takes one subscription or its end; says whether there was one.
  bool receive();
  bool has_subscribers() const { return !subscribers_.empty(); }
  void publish(wire::Packet&& packet);

 private:
  zmq::socket_t socket_;
  const Admits admits_;
  std::multiset<std::string, std::less<>> subscribers_;  // tokens, which may be none by now
};

}  // namespace oast::broker
