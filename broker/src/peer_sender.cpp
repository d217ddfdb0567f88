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

Failure died(const Kernel& kernel) {
  Failure result;
  result.kind = FailureKind::kernel_died;
  result.death = *kernel.death;
  result.message = "kernel " + std::to_string(kernel.id.value) + " (" + kernel.name +
                   ") died: " + kernel.death->explanation;
  return result;
}

}  // namespace oast::broker
