#include "oast/frames.hpp"

#include <cerrno>
#include <utility>

#include "handover.hpp"

namespace oast::wire {

namespace {

constexpr std::size_t kAddressBytes = 8;

/// Reads the rest of a message away.
void skip(zmq::socket_ref socket, zmq::message_t& frame) {
  while (frame.more() && receive_frame(socket, frame)) {
  }
}

}  // namespace

bool receive_frame(zmq::socket_ref socket, zmq::message_t& frame) {
  for (;;) {
    if (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0) {
      taken_over(frame.data());
      return true;
    }
    if (errno == EAGAIN) return false;
    // A signal may end even a call that does not block.
    if (errno != EINTR) throw zmq::error_t();
  }
}

bool send_frame(zmq::socket_ref socket, zmq::message_t& frame, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  hand_over(frame.data());
  for (;;) {
    if (zmq_msg_send(frame.handle(), socket.handle(), flags) >= 0) return true;
    if (errno == EAGAIN) return false;
    if (errno != EINTR) throw zmq::error_t();
  }
}

zmq::message_t address_frame(PeerId peer) {
  if (!peer) return {};
  zmq::message_t frame(kAddressBytes);
  auto* bytes = frame.data<unsigned char>();
  for (std::size_t i = 0; i < kAddressBytes; ++i) {
    bytes[i] = static_cast<unsigned char>(peer.value >> (8 * i));
  }
  return frame;
}

std::optional<PeerId> read_address(const zmq::message_t& frame) {
  if (frame.empty()) return PeerId{};
  if (frame.size() != kAddressBytes) return std::nullopt;
  const auto* bytes = frame.data<unsigned char>();
  PeerId peer;
  for (std::size_t i = 0; i < kAddressBytes; ++i) {
    peer.value |= std::uint64_t{bytes[i]} << (8 * i);
  }
  if (!peer) return std::nullopt;  // the broker has one address, the empty one
  return peer;
}

std::optional<std::vector<zmq::message_t>> receive_frames(zmq::socket_ref socket, std::size_t max) {
  zmq::message_t frame;
  if (!receive_frame(socket, frame)) return std::nullopt;
  std::vector<zmq::message_t> frames;
  frames.reserve(4);
  for (;;) {
    if (frames.size() == max) {
      skip(socket, frame);
      frames.emplace_back();
      return frames;
    }
    const bool more = frame.more();
    align(frame);
    frames.push_back(std::move(frame));
    if (!more || !receive_frame(socket, frame)) return frames;
  }
}

bool send(zmq::socket_ref socket, PeerId to, Packet& packet) {
  auto address = address_frame(to);
  if (!send_frame(socket, address, true)) return false;
  // From here on the message is under way. libzmq counts whole messages against a queue's limit and
  // keeps the frames of one on one pipe, so a frame that follows is refused only when the
  // connection has just ended; libzmq then takes back those before it. Such a message shares the
  // fate of all others that were in flight on that connection.
  std::size_t left = packet.buffers.size();
  bool sent = send_frame(socket, packet.message, left > 0);
  for (auto& buffer : packet.buffers) {
    if (!sent) break;
    sent = send_frame(socket, buffer, --left > 0);
  }
  packet.buffers.clear();
  return true;
}

std::optional<Addressed> receive(zmq::socket_ref socket, const Limits& limits,
                                 std::size_t& malformed) {
  zmq::message_t frame;
  if (!receive_frame(socket, frame)) return std::nullopt;
  const auto peer = read_address(frame);
  std::optional<Addressed> result;
  bool more = frame.more();
  if (peer && more && receive_frame(socket, frame)) {
    more = frame.more();
    align(frame);
    result.emplace(Addressed{*peer, Packet{std::move(frame), {}}});
    auto& buffers = result->packet.buffers;
    while (more && buffers.size() <= limits.buffer_count && receive_frame(socket, frame)) {
      more = frame.more();
      align(frame);
      buffers.push_back(std::move(frame));
    }
  }
  while (more && receive_frame(socket, frame)) more = frame.more();
  if (result && !verify(result->packet, limits)) return result;
  ++malformed;
  return std::nullopt;
}

}  // namespace oast::wire
