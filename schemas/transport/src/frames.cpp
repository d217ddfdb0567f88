#include "oast/frames.hpp"

#include <cerrno>
#include <exception>
#include <utility>

#include "oast/thread_handover.hpp"

namespace oast::wire {

namespace {

constexpr std::size_t kAddressBytes = 8;
constexpr std::size_t kSequenceBytes = 8;
constexpr std::size_t kReaderBytes = 16;

void write_number(zmq::message_t& frame, std::size_t at, std::uint64_t number) {
  auto* bytes = frame.data<unsigned char>() + at;
  for (std::size_t i = 0; i < sizeof number; ++i)
    bytes[i] = static_cast<unsigned char>(number >> (8 * i));
}

std::uint64_t read_number(const zmq::message_t& frame, std::size_t at) {
  const auto* bytes = frame.data<unsigned char>() + at;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number |= std::uint64_t{bytes[i]} << (8 * i);
  return number;
}

/// What the broker writes before a message; the packet is empty still.
std::optional<Addressed> read_sender(const zmq::message_t& frame) {
  if (frame.size() == kAddressBytes + kSequenceBytes)
    return Addressed{
        PeerId{read_number(frame, 0)}, {}, {.sequence = read_number(frame, kAddressBytes)}};
  if (frame.size() == kAddressBytes + kReaderBytes)
    return Addressed{PeerId{read_number(frame, 0)},
                     {},
                     {.reader = RequestId{read_number(frame, kAddressBytes)},
                      .host = PeerId{read_number(frame, kAddressBytes + 8)}}};
  const auto peer = read_address(frame);
  if (!peer) return std::nullopt;
  return Addressed{*peer, {}};
}

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

oast::Failure Refused::failure(const std::string& receiver) const {
  return {.kind = why == kUnknownBody ? oast::FailureKind::unimplemented
                  : why == kNoMemory  ? oast::FailureKind::overloaded
                                      : oast::FailureKind::invalid,
          .message = receiver + " cannot read the message: " + std::string(why),
          .type = {},
          .traceback = {},
          .death = {}};
}

zmq::message_t address_frame(PeerId peer, const Route& route) {
  if (!peer) return {};
  std::size_t size = kAddressBytes;
  if (route.reader)
    size += kReaderBytes;
  else if (route.sequence != 0)
    size += kSequenceBytes;
  zmq::message_t frame(size);
  write_number(frame, 0, peer.value);
  if (route.reader) {
    write_number(frame, kAddressBytes, route.reader.value);
    write_number(frame, kAddressBytes + 8, route.host.value);
  } else if (route.sequence != 0) {
    write_number(frame, kAddressBytes, route.sequence);
  }
  return frame;
}

std::optional<PeerId> read_address(const zmq::message_t& frame) {
  if (frame.empty()) return PeerId{};
  if (frame.size() != kAddressBytes) return std::nullopt;
  const PeerId peer{read_number(frame, 0)};
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

bool send(zmq::socket_ref socket, PeerId to, Packet& packet, const Route& route) {
  auto address = address_frame(to, route);
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
                                 std::optional<Refused>& refused) {
  refused.reset();
  zmq::message_t frame;
  if (!receive_frame(socket, frame)) return std::nullopt;
  auto from = read_sender(frame);
  bool more = frame.more();
  std::optional<std::string_view> why;
  try {
    if (from && more && receive_frame(socket, frame)) {
      more = frame.more();
      align(frame);
      from->packet.message = std::move(frame);
      auto& buffers = from->packet.buffers;
      while (more && buffers.size() <= limits.buffer_count && receive_frame(socket, frame)) {
        more = frame.more();
        align(frame);
        buffers.push_back(std::move(frame));
      }
    } else {
      from.reset();
    }
  } catch (const std::exception&) {  // zmq::error_t, too; one of the socket comes again below
    why = kNoMemory;
  }
  while (more && receive_frame(socket, frame)) more = frame.more();
  if (!from) {
    refused.emplace(Refused{.peer = {}, .head = {}, .why = "its frames make no message"});
    return std::nullopt;
  }
  if (!why) why = verify(from->packet, limits);
  if (!why) return from;
  refused.emplace(Refused{from->peer, from->route, read_head(from->packet), *why});
  return std::nullopt;
}

std::optional<Addressed> receive(zmq::socket_ref socket, const Limits& limits,
                                 std::size_t& malformed) {
  std::optional<Refused> refused;
  auto received = receive(socket, limits, refused);
  if (refused) ++malformed;
  return received;
}

}  // namespace oast::wire
