// What crosses the control socket: the handshake, and what hosts ask of the broker.
#pragma once

#include <functional>

#include "heartbeats.hpp"
#include "id_source.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "logger.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Packets handed in have passed wire::verify. What a body of the wrong kind or from the wrong side
/// is answered with: PROTOCOL.md, the tables of states and events.
class ControlHandler {
 public:
  ControlHandler(EventLoop& loop, const Options& options, const std::string& token, IdSource& ids,
                 PeerTable& peers, KernelTable& kernels, PeerSender& sender, Supervisor& supervisor,
                 Interrupts& interrupts, Heartbeats& heartbeats, Logger log);

  /// Called with a host that said goodbye; `for_good`: to its session, too.
  void on_goodbye(std::function<void(PeerId, bool for_good)> callback) {
    on_goodbye_ = std::move(callback);
  }
  /// Called with a host that is connected, before another connection goes on with its session.
  void on_replaced(std::function<void(Peer&)> callback) { on_replaced_ = std::move(callback); }
  /// Called with a host that opened a session.
  void on_session(std::function<void(PeerId)> callback) { on_session_ = std::move(callback); }
  /// Called when the process of a host on this machine has ended.
  void on_host_died(std::function<void(PeerId)> callback) { on_host_died_ = std::move(callback); }

  /// The first message of a connection. What to answer if it is refused.
  std::optional<Failure> hello(const RoutingId& from, const wire::Hello& hello);
  void from_host(Peer& host, const wire::Packet& packet);
  void from_kernel(Peer& peer, Kernel& kernel, const wire::Packet& packet);

 private:
  std::optional<Failure> admit(const RoutingId& from, const wire::Hello& hello);
  void welcome(Peer& peer, const wire::Hello& hello, bool resumed);
  void open_session(Peer& peer, const wire::Hello& hello);
  /// A host is back in its session; or what to answer if it is not that session's.
  std::optional<Failure> resume(Peer& peer, const RoutingId& from, const wire::Hello& hello);
  void watch_process(Peer& peer, int pid);
  Kernel& require_kernel(std::uint64_t id) const;

  void start(const RequestKey& asker, const wire::Start& body);
  void interrupt(const RequestKey& asker, const wire::Interrupt& body);
  void attach(const RequestKey& asker, const wire::Attach& body);
  void stop(const RequestKey& asker, const wire::Stop& body);
  void signal(const RequestKey& asker, const wire::Signal& body);
  void list(const RequestKey& asker);
  void serve(Peer& host, const RequestKey& asker, const wire::Message& message);

  EventLoop& loop_;
  const Options& options_;
  const std::string& token_;
  IdSource& ids_;
  PeerTable& peers_;
  KernelTable& kernels_;
  PeerSender& sender_;
  Supervisor& supervisor_;
  Interrupts& interrupts_;
  Heartbeats& heartbeats_;
  Logger log_;
  std::function<void(PeerId, bool)> on_goodbye_;
  std::function<void(Peer&)> on_replaced_;
  std::function<void(PeerId)> on_session_;
  std::function<void(PeerId)> on_host_died_;
};

}  // namespace oast::broker
