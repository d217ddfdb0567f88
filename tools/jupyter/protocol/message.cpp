#include "message.hpp"

#include <utility>

namespace oast::jupyter {

std::optional<Frames> receive(zmq::socket_t& socket) {
  Frames frames;
  do {
    zmq::message_t frame;
    // Frames of one message come together: only the first can be missing.
    if (!socket.recv(frame, frames.empty() ? zmq::recv_flags::dontwait : zmq::recv_flags::none))
      return std::nullopt;
    frames.push_back(std::move(frame));
  } while (frames.back().more());
  return frames;
}

bool send(zmq::socket_t& socket, Frames& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool last = i + 1 == frames.size();
    const auto flags =
        zmq::send_flags::dontwait | (last ? zmq::send_flags::none : zmq::send_flags::sndmore);
    if (!socket.send(frames[i], flags)) return false;  // only at the first
  }
  return true;
}

}  // namespace oast::jupyter
