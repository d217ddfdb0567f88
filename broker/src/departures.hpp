// What becomes of everything else when a peer is gone.
#pragma once

#include "event_loop.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "last_data.hpp"
#include "logger.hpp"
#include "peers.hpp"
#include "requests.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Hosts that leave or, in a session, are away for a time, and kernels that die: takes them out of
/// the tables, and has their requests, their interrupts and what belongs to them ended.
class Departures {
 public:
  Departures(EventLoop& loop, PeerTable& peers, KernelTable& kernels, LastData& last_data,
             PeerSender& sender, Delivery& delivery, Requests& requests, Interrupts& interrupts,
             Supervisor& supervisor, Logger log)
      : loop_(loop),
        peers_(peers),
        kernels_(kernels),
        last_data_(last_data),
        sender_(sender),
        delivery_(delivery),
        requests_(requests),
        interrupts_(interrupts),
        supervisor_(supervisor),
        log_(std::move(log)) {}

  /// It is gone, or away, when all that it had sent on data was received: what it asked for last
  /// counts.
  void host_leaves(PeerId host, const char* how);
  /// Its connection may stand, but nothing more is expected there. Not before all that was received
  /// from it has been served.
  void host_gone(PeerId host, const char* how);
  /// It ends its session: as host_leaves, but for good.
  void session_ends(PeerId host);
  /// Another connection is about to go on with its session.
  void host_replaced(Peer& host);
  /// A message to it could not be sent.
  void connection_gone(PeerId peer);
  /// Its last data was served.
  void kernel_died(Kernel& kernel);

 private:
  void leave(PeerId host, const char* how);
  void host_away(Peer& host, const char* how);
  void host_left(PeerId host, const char* how);

  EventLoop& loop_;
  PeerTable& peers_;
  KernelTable& kernels_;
  LastData& last_data_;
  PeerSender& sender_;
  Delivery& delivery_;
  Requests& requests_;
  Interrupts& interrupts_;
  Supervisor& supervisor_;
  Logger log_;
};

}  // namespace oast::broker
