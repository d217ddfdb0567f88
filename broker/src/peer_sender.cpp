#include "peer_sender.hpp"

#include <utility>

namespace oast::broker {

void PeerSender::send(RouterSocket& socket, PeerId to, RoutingId Peer::*connection, PeerId from,
                      wire::Packet&& packet, const wire::Route& route) {
  Peer* peer = peers_.find(to);
  if (peer == nullptr || (peer->*connection).empty()) return;
  if (socket.send(peer->*connection, from, std::move(packet), route)) return;
  log_->debug("OB301 peer {} is gone: a message to it was dropped", to.value);
  if (on_gone_) on_gone_(to);
}

bool PeerSender::probe_data(PeerId to) {
  const Peer* peer = peers_.find(to);
  return peer != nullptr && peer->joined() &&
         data_.send(peer->data, PeerId{},
                    wire::pack(RequestId{}, failure(FailureKind::disconnected, "")));
}

HostSession* PeerSender::session_of(PeerId id) {
  Peer* peer = peers_.find(id);
  return peer == nullptr ? nullptr : peer->session.get();
}

void PeerSender::fail(const RequestKey& key, const Failure& failure) {
  if (!key.id) return data(key.host, PeerId{}, wire::pack(key.id, failure));
  data_answer(key.host, wire::pack(key.id, failure, wire::kNumberLater));
}

void PeerSender::data_answer(PeerId to, wire::Packet&& packet) {
  if (HostSession* session = session_of(to))
    session->sent_data.keep(PeerId{}, packet);
  else
    wire::set_number(packet, 0);
  data(to, PeerId{}, std::move(packet));
}

void PeerSender::resend(Peer& peer) {
  peer.session->sent.resend([&](PeerId, wire::Packet packet) {
    send(control_, peer.id, &Peer::control, PeerId{}, std::move(packet));
  });
}

void PeerSender::resend_data(Peer& peer) {
  peer.session->sent_data.resend(
      [&](PeerId, wire::Packet packet) { data(peer.id, PeerId{}, std::move(packet)); });
}

void PeerSender::acknowledge(Peer& peer, bool rest) {
  if (!peer.session) return;
  wire::AcknowledgeT message;
  if (const auto number = peer.session->received.due(rest)) {
    message.number = *number;
    control(peer.id, RequestId{}, message);
  }
  if (const auto number = peer.session->received_data.due(rest)) {
    message.number = *number;
    data(peer.id, PeerId{}, wire::pack(RequestId{}, message));
  }
}

Failure died(const Kernel& kernel) {
  Failure result;
  result.kind = FailureKind::kernel_died;
  result.death = *kernel.death;
  result.message = "kernel " + std::to_string(kernel.id.value) + " (" + kernel.name +
                   ") died: " + kernel.death->explanation;
  return result;
}

}  // namespace oast::broker
