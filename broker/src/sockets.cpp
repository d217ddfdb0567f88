#include "sockets.hpp"

#include <cerrno>
#include <utility>

#include "oast/frames.hpp"
#include "secrets.hpp"

namespace oast::broker {

namespace {

constexpr std::string_view kTopic = "kernel";
constexpr std::size_t kHeadFrames = 2;  // [to] and [Message]

zmq::socket_t make_router(zmq::context_t& context, std::size_t frame_bytes) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  // A peer that is gone must be an error here, not a message lost in silence.
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::sndhwm, 0);
  // What is not taken yet stays with its sender.
  socket.set(zmq::sockopt::rcvhwm, 1000);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(frame_bytes));
  // Lets a last Failure or Stopped reach its peer while the broker ends.
  socket.set(zmq::sockopt::linger, 200);
  return socket;
}

int connection_of(zmq::message_t& message) { return ::zmq_msg_get(message.handle(), ZMQ_SRCFD); }

/// Gives the address to libzmq, which finds the connection by it. False when there is none.
bool begin(zmq::socket_t& socket, const RoutingId& to) {
  zmq::message_t address(to.data(), to.size());
  try {
    return wire::send_frame(socket, address, true);
  } catch (const zmq::error_t& error) {
    if (error.num() != EHOSTUNREACH) throw;
    return false;
  }
}

}  // namespace

int Incoming::connection() { return connection_of(origin); }

RouterSocket::RouterSocket(zmq::context_t& context, std::size_t frame_bytes)
    : socket_(make_router(context, frame_bytes)) {}

void RouterSocket::bind(const std::string& endpoint) { socket_.bind(endpoint); }

int RouterSocket::fd() const { return socket_.get(zmq::sockopt::fd); }

RouterSocket::Received RouterSocket::receive(Incoming& into) {
  const std::size_t most = kHeadFrames + wire::Limits{}.buffer_count;
  if (!wire::receive_frame(socket_, into.origin)) return Received::nothing;
  into.packet = {};  // of the message before, whose id is not this one's
  into.from.assign(into.origin.data<char>(), into.origin.size());
  auto frames = wire::receive_frames(socket_, most);
  if (!frames || frames->size() < kHeadFrames || frames->size() > most) return Received::malformed;
  const auto to = wire::read_address((*frames)[0]);
  if (!to) return Received::malformed;
  into.to = *to;
  into.packet.message = std::move((*frames)[1]);
  for (std::size_t i = kHeadFrames; i < frames->size(); ++i)
    into.packet.buffers.push_back(std::move((*frames)[i]));
  return Received::message;
}

bool RouterSocket::send(const RoutingId& to, PeerId from, wire::Packet&& packet,
                        const wire::Route& route) {
  return begin(socket_, to) && wire::send(socket_, from, packet, route);
}

EventsSocket::EventsSocket(zmq::context_t& context, Admits admits)
    : socket_(context, zmq::socket_type::xpub), admits_(std::move(admits)) {
  socket_.set(zmq::sockopt::xpub_manual, 1);
  // A monitor that does not read loses heartbeats, never more: each says the whole state.
  socket_.set(zmq::sockopt::sndhwm, 10'000);
  socket_.set(zmq::sockopt::maxmsgsize, std::int64_t{1024});
  socket_.set(zmq::sockopt::linger, 0);
}

void EventsSocket::bind(const std::string& endpoint) { socket_.bind(endpoint); }

int EventsSocket::fd() const { return socket_.get(zmq::sockopt::fd); }

bool EventsSocket::receive() {
  zmq::message_t message;
  if (!wire::receive_frame(socket_, message)) return false;
  const std::string_view text{message.data<char>(), message.size()};
  if (text.empty()) return true;
  const std::string_view token = text.substr(1);
  // In manual mode both options act on the connection that the message came from.
  if (text.front() == '\x01' && admits_(token, connection_of(message))) {
    socket_.set(zmq::sockopt::subscribe, kTopic);
    subscribers_.emplace(token);
  } else if (const auto known = subscribers_.find(token);
             text.front() == '\x00' && known != subscribers_.end()) {
    socket_.set(zmq::sockopt::unsubscribe, kTopic);
    subscribers_.erase(known);
  }
  return true;
}

void EventsSocket::publish(wire::Packet&& packet) {
  zmq::message_t topic(kTopic.data(), kTopic.size());
  if (wire::send_frame(socket_, topic, true)) wire::send_frame(socket_, packet.message, false);
}

}  // namespace oast::broker
