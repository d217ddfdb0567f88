#include "peers.hpp"

#include <utility>

namespace oast::broker {

namespace {

Peer* find_in(const std::unordered_map<RoutingId, Peer*>& table, const RoutingId& id) {
  const auto found = table.find(id);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace

Peer& PeerTable::add(PeerId id, wire::Role role, RoutingId control) {
  Peer& peer = peers_[id];
  peer.id = id;
  peer.role = role;
  peer.control = std::move(control);
  control_[peer.control] = &peer;
  return peer;
}

void PeerTable::remove(PeerId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  control_.erase(found->second.control);
  data_.erase(found->second.data);
  peers_.erase(found);
}

void PeerTable::join(Peer& peer, RoutingId data) {
  peer.data = std::move(data);
  peer.ticket.clear();
  data_[peer.data] = &peer;
}

void PeerTable::disconnect(Peer& peer) {
  control_.erase(std::exchange(peer.control, {}));
  data_.erase(std::exchange(peer.data, {}));
  peer.ticket.clear();
}

void PeerTable::connect(Peer& peer, RoutingId control) {
  control_[control] = &peer;
  peer.control = std::move(control);
  ++peer.connection;
}

Peer* PeerTable::find(PeerId id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

Peer* PeerTable::by_control(const RoutingId& id) { return find_in(control_, id); }

Peer* PeerTable::by_data(const RoutingId& id) { return find_in(data_, id); }

Peer* PeerTable::by_session(std::string_view name) {
  for (auto& [id, peer] : peers_)
    if (peer.session && peer.session->name == name) return &peer;
  return nullptr;
}

}  // namespace oast::broker
