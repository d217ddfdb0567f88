// Messages from the broker to its peers.
#pragma once

#include <functional>
#include <string>

#include "kernel.hpp"
#include "logger.hpp"
#include "oast/error.hpp"
#include "peers.hpp"
#include "sockets.hpp"

namespace oast::broker {

/// Sends to peers by id; what goes to a peer that is gone is dropped, for nobody waits for it.
class PeerSender {
 public:
  PeerSender(PeerTable& peers, RouterSocket& data, RouterSocket& control, Logger log)
      : peers_(peers), data_(data), control_(control), log_(std::move(log)) {}

  /// Called, maybe more than once, with a peer whose connection turned out to be gone.
  void on_gone(std::function<void(PeerId)> callback) { on_gone_ = std::move(callback); }

  /// What answers a request, whose id it has, is kept for a host in a session until that has it.
  template <class Object>
  void control(PeerId to, RequestId id, const Object& object) {
    HostSession* session = id ? session_of(to) : nullptr;
    wire::Packet packet = wire::pack(id, object, session == nullptr ? 0 : wire::kNumberLater);
    if (session != nullptr) session->sent.keep(PeerId{}, packet);
    send(control_, to, &Peer::control, PeerId{}, std::move(packet));
  }
  template <class Object>
  void answer(const RequestKey& asker, const Object& object) {
    control(asker.host, asker.id, object);
  }
  void data(PeerId to, PeerId from, wire::Packet&& packet, const wire::Route& route = {}) {
    send(data_, to, &Peer::data, from, std::move(packet), route);
  }
  /// Sends something on data to a process that has ended, and says whether the connection still
  /// stands. When it does not, all that came over it is there to be received.
  bool probe_data(PeerId to);
  /// Ends a request on data with a failure that the broker found. It is kept as those on control.
  void fail(const RequestKey& key, const Failure& failure);
  /// The same, for an answer that is there already.
  void data_answer(PeerId to, wire::Packet&& packet);

  /// What the host has not got of what is kept for it.
  void resend(Peer& peer);
  void resend_data(Peer& peer);
  /// Tells a host in a session what was received of it; with `rest`, however little.
  void acknowledge(Peer& peer, bool rest);

 private:
  HostSession* session_of(PeerId id);
  void send(RouterSocket& socket, PeerId to, RoutingId Peer::*connection, PeerId from,
            wire::Packet&& packet, const wire::Route& route = {});

  PeerTable& peers_;
  RouterSocket& data_;
  RouterSocket& control_;
  Logger log_;
  std::function<void(PeerId)> on_gone_;
};

inline Failure failure(FailureKind kind, std::string message) {
  return {.kind = kind, .message = std::move(message)};
}

/// "kernel 3 (lua-3) died: killed by SIGKILL", with its death.
Failure died(const Kernel& kernel);

}  // namespace oast::broker
