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
  last_data_.wait(host, [this, host, how](bool) { host_left(host, how); });
}

void Departures::host_gone(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr || peer->role == wire::Role::kernel) return;
  peer->process_watch.reset();
  last_data_.skip(host, [this, host, how] { host_left(host, how); });
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
