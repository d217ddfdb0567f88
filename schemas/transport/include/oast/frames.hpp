// Packets on sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/ids.hpp"

namespace oast::wire {

/// What stands before a message beside the peer's id. PROTOCOL.md, "Frames".
struct Route {
  std::uint64_t sequence = 0;  ///< the number of an Eval or Call as a kernel receives it, see Break
  RequestId reader;            ///< of a record that a ReadLog brings: the id of that
  PeerId host;                 ///< then: whose request it belongs to; none of Ended
};

/// What a peer sends and receives: `[address][Message][buffer]*`.
struct Addressed {
  PeerId peer;  ///< to when sent, from when received; PeerId{0} is the broker, an empty frame
  Packet packet;
  Route route = {};
};

/// Why a message was refused for which there was no memory.
inline constexpr std::string_view kNoMemory = "there is no memory for it";

/// A message that came and cannot be read: of a later version, malformed, or larger than the
/// memory.
struct Refused {
  PeerId peer;
  Route route;
  Head head;
  std::string_view why;  ///< as `verify` says it

  /// What its sender is told: `unimplemented`, `overloaded` or `invalid`. `receiver`: "the kernel".
  oast::Failure failure(const std::string& receiver) const;
};

/// Eight bytes, little-endian, and eight more for a sequence that is not 0 or sixteen more for a
/// reader; an empty frame for PeerId{0}.
zmq::message_t address_frame(PeerId peer, const Route& route = {});
/// Nothing when the frame is no address of a peer or of the broker alone.
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
bool send(zmq::socket_ref socket, PeerId to, Packet& packet, const Route& route = {});

/// Receives at a DEALER. Nothing when none waits, or when what came cannot be read: `refused` says
/// so, and is empty otherwise. The packet has passed `verify`.
std::optional<Addressed> receive(zmq::socket_ref socket, const Limits& limits,
                                 std::optional<Refused>& refused);
/// The same for who answers nothing: `malformed` counts what cannot be read.
std::optional<Addressed> receive(zmq::socket_ref socket, const Limits& limits,
                                 std::size_t& malformed);

}  // namespace oast::wire
