// One message of the Jupyter messaging protocol 5.5, and its frames.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "json.hpp"

namespace oast::jupyter {

inline constexpr std::string_view kProtocolVersion = "5.5";
inline constexpr std::string_view kDelimiter = "<IDS|MSG>";

using Frames = std::vector<zmq::message_t>;

/// Frames on the wire: identities or a topic, "<IDS|MSG>", signature, header, parent header,
/// metadata, content, and buffers, as many as there are.
struct Message {
  std::vector<std::string> identities;  ///< of whom it came from or goes to; for iopub the topic
  Json header = Json::object();
  Json parent_header = Json::object();  ///< the header of what it answers; {} without
  Json metadata = Json::object();
  Json content = Json::object();
  Frames buffers;

  std::string type() const { return text_at(header, "msg_type"); }
  std::string id() const { return text_at(header, "msg_id"); }
};

/// All frames of one message if there is one; does not block. Throws zmq::error_t.
std::optional<Frames> receive(zmq::socket_t& socket);
/// False, and nothing is sent, when the socket would block.
bool send(zmq::socket_t& socket, Frames& frames);

}  // namespace oast::jupyter
