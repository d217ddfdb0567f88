// Who still answers.
#pragma once

#include <functional>

#include "events.hpp"
#include "kernel.hpp"
#include "logger.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"

namespace oast::broker {

/// Pings every peer at the same interval and draws the conclusions from who does not answer:
/// a kernel on this machine is shown as unresponsive (its process is watched besides), a host whose
/// process is not watched counts as gone.
class Heartbeats {
 public:
  Heartbeats(EventLoop& loop, const Options& options, PeerTable& peers, KernelTable& kernels,
             PeerSender& sender, Events& events, Logger log);

  /// Called with a host that has missed too many.
  void on_lost(std::function<void(PeerId)> callback) { on_lost_ = std::move(callback); }
  /// Called with a host in a session that does not acknowledge what the broker keeps for it.
  void on_crowded(std::function<void(PeerId)> callback) { on_crowded_ = std::move(callback); }

  void pong(Peer& peer, const wire::Pong& pong);

 private:
  void beat();
  void check(Peer& peer, std::vector<PeerId>& lost);

  EventLoop& loop_;
  const Options& options_;
  PeerTable& peers_;
  KernelTable& kernels_;
  PeerSender& sender_;
  Events& events_;
  Logger log_;
  std::function<void(PeerId)> on_lost_;
  std::function<void(PeerId)> on_crowded_;
  Clock::TimePoint last_beat_;
  EventLoop::Handle timer_;
};

}  // namespace oast::broker
