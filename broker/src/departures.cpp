#include "departures.hpp"

#include <chrono>
#include <vector>

namespace oast::broker {

namespace {

/// A process that ended is seen within this time, with the reason.
constexpr std::chrono::seconds kExitIsSeen{1};

}  // namespace

void Departures::host_leaves(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr || peer->role == wire::Role::kernel || last_data_.waits_for(host)) return;
  if (!peer->joined() || peer->data_ended) return host_gone(host, how);
  peer->process_watch.reset();  // it would call again and again
  last_data_.wait(host, [this, host, how](bool) { leave(host, how); });
}

void Departures::host_gone(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr || peer->role == wire::Role::kernel) return;
  peer->process_watch.reset();
  last_data_.skip(host, [this, host, how, connection = peer->connection] {
    const Peer* same = peers_.find(host);
    if (same != nullptr && same->connection == connection) leave(host, how);
  });
}

void Departures::session_ends(PeerId host) {
  if (Peer* peer = peers_.find(host); peer != nullptr && peer->session) peer->session->timeout = {};
  host_leaves(host, "it said goodbye");
}

void Departures::host_replaced(Peer& host) {
  if (host.away()) return;
  last_data_.cancel(host.id);
  host_away(host, "another connection took its place");
}

void Departures::leave(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr) return;
  if (!peer->session || peer->session->timeout.count() == 0) return host_left(host, how);
  if (peer->away()) return;
  // It may have lost its connection on data only.
  sender_.control(host, RequestId{},
                  failure(FailureKind::disconnected, "the connection is gone: say Hello again"));
  host_away(*peer, how);
}

void Departures::host_away(Peer& host, const char* how) {
  log_->info("OB517 host {} of session '{}' is away: {}", host.id.value, host.session->name, how);
  peers_.disconnect(host);
  host.process_watch.reset();
  host.process.reset();
  host.data_ended = false;
  host.session->end = loop_.after(host.session->timeout, [this, id = host.id] {
    host_left(id, "it did not come back to its session in time");
  });
  delivery_.host_away(host.id);
}

void Departures::host_left(PeerId host, const char* how) {
  const Peer* peer = peers_.find(host);
  if (peer == nullptr) return;
  log_->info("OB509 peer {} ({}) left: {}", host.value, peer->name, how);
  peers_.remove(host);
  requests_.host_left(host);
  supervisor_.owner_left(host);
}

/// A kernel that cannot be reached can answer nobody. Most often its process has ended, which is
/// about to be known.
void Departures::connection_gone(PeerId peer) {
  Kernel* kernel = kernels_.find(KernelId{peer.value});
  if (kernel == nullptr) return host_leaves(peer, "its connection is gone");
  if (!kernel->serving() || kernel->lost_deadline) return;
  kernel->lost_deadline = loop_.after(kExitIsSeen, [this, kernel] {
    supervisor_.kill(*kernel, DeathCause::lost_heartbeat, "its connection broke and it was killed");
  });
}

void Departures::kernel_died(Kernel& kernel) {
  requests_.kernel_died(kernel);
  interrupts_.kernel_died(kernel);
  peers_.remove(peer_of(kernel.id));
  std::vector<PeerId> within;
  peers_.each([&](const Peer& peer) {
    if (peer.within == kernel.id) within.push_back(peer.id);
  });
  for (const PeerId host : within) host_gone(host, "the kernel that it is part of died");
}

}  // namespace oast::broker
