// Sleeping on ZeroMQ sockets and descriptors.
#pragma once

#include <cerrno>
#include <chrono>
#include <vector>
#include <zmq.hpp>

namespace oast::detail {

/// zmq::poll that takes an interrupted sleep for the end of a short one. Negative: no time limit.
inline void poll(std::vector<zmq::pollitem_t>& items, std::chrono::milliseconds time) {
  if (zmq_poll(items.data(), static_cast<int>(items.size()), time.count()) < 0 && errno != EINTR)
    throw zmq::error_t();
}

}  // namespace oast::detail
