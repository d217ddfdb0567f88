// Who is connected.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event_loop.hpp"
#include "oast/codec.hpp"
#include "oast/fd.hpp"
#include "oast/ids.hpp"
#include "oast/session_stream.hpp"
#include "sockets.hpp"

namespace oast::broker {

/// A host that named a session, by which it can come back: what outlives its connections.
/// PROTOCOL.md, "Sessions".
struct HostSession {
  std::string name;
  std::string secret;
  std::chrono::milliseconds timeout{0};  ///< how long it waits for its host
  wire::SentMessages sent;               ///< on control
  wire::SentMessages sent_data;
  wire::ReceivedMessages received;  ///< on control
  wire::ReceivedMessages received_data;
  RequestId last_request;  ///< the highest id that its requests had
  EventLoop::Handle end;   ///< while its host is away

  std::size_t kept_bytes() const { return sent.bytes() + sent_data.bytes(); }
};

/// A peer that proved itself. Its `data` connection follows its `control` connection.
struct Peer {
  PeerId id;
  wire::Role role = wire::Role::host;
  KernelId within;  ///< of a host that is part of a kernel's process: it goes when that goes
  std::string name;
  RoutingId control;
  RoutingId data;                    ///< empty until joined
  std::vector<std::uint8_t> ticket;  ///< empty once used
  Clock::TimePoint last_heard;
  bool data_ended = false;  ///< a host said Goodbye on data: all that it sent there was received
  Fd process;               ///< pidfd of a host on this machine, if it told its pid
  EventLoop::Handle process_watch;
  std::uint64_t connection = 1;          ///< counts those that it has had
  std::unique_ptr<HostSession> session;  ///< nullptr: it ends with its connection

  /// In a session: it may come back.
  bool away() const { return control.empty(); }
  bool joined() const { return !data.empty(); }
};

/// All peers, by id and by connection.
class PeerTable {
 public:
  Peer& add(PeerId id, wire::Role role, RoutingId control);
  /// Throws away the peer and both its connections.
  void remove(PeerId id);
  void join(Peer& peer, RoutingId data);
  /// Throws away both connections, and keeps the peer.
  void disconnect(Peer& peer);
  /// It is back.
  void connect(Peer& peer, RoutingId control);

  /// nullptr when there is none.
  Peer* find(PeerId id);
  Peer* by_control(const RoutingId& id);
  Peer* by_data(const RoutingId& id);
  Peer* by_session(std::string_view name);

  std::size_t size() const { return peers_.size(); }
  template <class Visit>
  void each(Visit visit) {
    for (auto& [id, peer] : peers_) visit(peer);
  }

 private:
  std::unordered_map<PeerId, Peer> peers_;
  std::unordered_map<RoutingId, Peer*> control_;
  std::unordered_map<RoutingId, Peer*> data_;
};

}  // namespace oast::broker
