// The inside of a broker, put together.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "accept_filter.hpp"
#include "control_handler.hpp"
#include "delivery.hpp"
#include "departures.hpp"
#include "events.hpp"
#include "heartbeats.hpp"
#include "id_source.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "last_data.hpp"
#include "message_verifier.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"
#include "request_deadlines.hpp"
#include "requests.hpp"
#include "runtime_dir.hpp"
#include "sockets.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// The edge where bytes enter: takes messages off the sockets, verifies them, finds out who speaks,
/// and hands them to the part that they are for. Everything runs on the loop's thread.
class Router {
 public:
  Router(EventLoop& loop, const Options& options, zmq::context_t& context,
         const RuntimeDir& directory, const std::string& token, const std::string& inproc,
         IdSource& ids, const Logger& log);

  Supervisor& supervisor() { return supervisor_; }
  /// At the broker's end: tells all deaths to the last request, in one go.
  void finish_deaths() {
    while (requests_.turn()) continue;
  }

 private:
  bool control_turn();
  bool data_turn();
  void close_silent();
  struct Received {
    bool any;
    bool dry;
  };
  /// Takes a burst off the socket.
  Received receive(RouterSocket& socket, int most);
  void verified(RouterSocket& socket, Incoming& in, std::optional<std::string_view> wrong);
  template <class Work>
  void guarded(RouterSocket& socket, Incoming& in, const Work& work);
  /// nullptr: a stranger.
  Peer* peer_at(const RouterSocket& socket, const RoutingId& from);
  void handle_control(Incoming& in);
  void handle_data(Incoming& in);
  /// Answers the sender of a message whose handling threw.
  void failed(RouterSocket& socket, const RoutingId& from, RequestId id, const Failure& why);
  void unverified(RouterSocket& socket, Incoming& in, std::string_view wrong);
  /// As of Requests; a kernel whose records are out of order ends.
  bool from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet);
  /// Serves what a host says and asks of logs; false when it is something else.
  bool about_log(const Peer& host, const wire::Packet& packet);
  void acknowledge(const Peer& host, const wire::Acknowledge& body);
  /// Serves what a dead kernel has said and not sent.
  bool read_last_words(Kernel& kernel);
  /// False: the host sends again, in its session, what was received before.
  bool is_new(Peer& peer, wire::ReceivedMessages HostSession::*received,
              const wire::Packet& packet);
  /// The host sends a request again that is open, or whose answer waits for it.
  bool sent_again(Peer& host, RequestKey key, PeerId to, wire::Body body);
  void first_on_data(Incoming& in);
  void malformed(Peer& peer, RouterSocket& socket, const Incoming& in, std::string_view why);

  EventLoop& loop_;
  const wire::Limits limits_;
  Logger log_;
  AcceptFilter filter_;
  EventLoop::Handle silence_timer_;
  RouterSocket control_;
  RouterSocket data_;
  MessageVerifier verifier_;
  EventsSocket events_socket_;
  PeerTable peers_;
  KernelTable kernels_;
  PeerSender sender_;
  LastData last_data_;
  Events events_;
  Delivery delivery_;
  Supervisor supervisor_;
  Interrupts interrupts_;
  RequestDeadlines deadlines_;
  Requests requests_;
  Departures departures_;
  Heartbeats heartbeats_;
  ControlHandler control_handler_;
};

}  // namespace oast::broker
