// Packets on sockets.
#pragma once

#include <optional>
#include <vector>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/ids.hpp"

namespace oast::wire {

/// What a peer sends and receives: `[address][Message][buffer]*`.
struct Addressed {
  PeerId peer;  ///< to when sent, from when received; PeerId{0} is the broker, an empty frame
  Packet packet;
};

/// Eight bytes, little-endian; PeerId{0} is an empty frame.
zmq::message_t address_frame(PeerId peer);
/// Nothing when the frame is no address.
std::optional<PeerId> read_address(const zmq::message_t& frame);

/// One frame, which is moved out of. Returns false, and leaves it, when the socket cannot take it
/// now. Does not block, and a signal does not end it. Throws zmq::error_t.
bool send_frame(zmq::socket_ref socket, zmq::message_t& frame, bool more);
/// One frame, as libzmq hands it out: see `align`. Returns false when none waits. Does not block,
/// and a signal does not end it. Throws zmq::error_t.
bool receive_frame(zmq::socket_ref socket, zmq::message_t& frame);

/// Receives the frames of one message. Nothing when none waits. Frames beyond `max` are read and
/// thrown away; the result then has exactly `max + 1` frames, the last empty, which no message is.
/// Every frame is aligned. Does not block. Throws zmq::error_t only for faults of our own.
std::optional<std::vector<zmq::message_t>> receive_frames(zmq::socket_ref socket, std::size_t max);

/// Sends, the packet's frames being moved out of it. Returns false, and sends nothing, when the
/// socket cannot take it now. Does not block. A message whose connection ends while it is being
/// sent is lost like others in flight, and counts as sent.
bool send(zmq::socket_ref socket, PeerId to, Packet& packet);

/// Receives at a DEALER. Nothing when none waits, or `malformed` counts up and it was dropped.
/// The packet has passed `verify`.
std::optional<Addressed> receive(zmq::socket_ref socket, const Limits& limits,
                                 std::size_t& malformed);

}  // namespace oast::wire
