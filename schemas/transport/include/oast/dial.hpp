// A peer's half of the handshake, the same for hosts and kernels.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "oast/codec.hpp"
#include "oast/ids.hpp"

namespace oast::wire {

/// Both connections of a peer that the broker has let in.
struct Connection {
  zmq::socket_t control;
  zmq::socket_t data;
  PeerId self{};
  std::uint16_t version = 0;
  std::vector<std::string> features{};
  std::chrono::milliseconds heartbeat{0};
  unsigned heartbeat_misses = 0;
  std::uint64_t window_bytes = 0;  ///< of Welcome, as what follows
  bool resumed = false;
  std::uint64_t received = 0;
  std::uint64_t received_data = 0;
  RequestId last_request{};
};

/// A context for the sockets of a broker or a peer, whose messages need the memory that their size
/// says. By default libzmq leaves small ones in the buffer of 8 KiB (config.hpp, in_batch_size)
/// into which it received them: one that is kept, in a queue or a log, keeps all of it, and a bound
/// in bytes bounds no memory.
zmq::context_t make_context();

/// Whether somebody listens at an endpoint; true of one that is no ipc path. Does not block.
bool listens(const std::string& endpoint);

/// Connects, says Hello on control, Join on data. Blocks until done, at most `timeout`.
/// Versions are filled in. Throws Error: what the broker answered (permission_denied,
/// incompatible), or disconnected when nobody answered; and what `while_waiting` throws, which is
/// called every 50 ms.
Connection dial(zmq::context_t& context, const std::string& control, const std::string& data,
                HelloT hello, std::chrono::milliseconds timeout,
                const std::function<void()>& while_waiting = {});

}  // namespace oast::wire
