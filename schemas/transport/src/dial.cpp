#include "oast/dial.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "oast/error.hpp"
#include "oast/frames.hpp"

namespace oast::wire {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kSlice{50};
constexpr std::string_view kIpc = "ipc://";

/// libzmq would dial a dead ipc endpoint again and again; a plain connect says at once that nobody
/// is there. It does not block: a full backlog (EAGAIN) of a stopped broker is a listener, too,
/// whose answer is waited for until the deadline.
void require_listener(const std::string& endpoint) {
  if (!endpoint.starts_with(kIpc)) return;
  const std::string path = endpoint.substr(kIpc.size());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(oast::FailureKind::invalid, "the socket path is too long: " + path);
  std::copy(path.begin(), path.end(), address.sun_path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw Error(oast::FailureKind::disconnected, "no socket to be had");
  const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);  // NOLINT
  const int error = errno;
  ::close(fd);
  if (result == 0 || error == EAGAIN) return;
  throw Error(oast::FailureKind::disconnected,
              "no broker answers at " + path + " (" + std::strerror(error) + ")");  // NOLINT
}

}  // namespace

zmq::context_t make_context() {
  constexpr int kZeroCopyReceive = 10;  // ZMQ_ZERO_COPY_RECV, which zmq.h has as a draft only
  zmq::context_t context(1);
  ::zmq_ctx_set(context.handle(), kZeroCopyReceive, 0);
  return context;
}

bool listens(const std::string& endpoint) try {
  require_listener(endpoint);
  return true;
} catch (const Error&) {
  return false;
}

namespace {

zmq::socket_t connect(zmq::context_t& context, const std::string& endpoint) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::linger, 500);
  socket.connect(endpoint);
  return socket;
}

/// Waits for one message; throws what a Failure says.
Packet await(zmq::socket_t& socket, Clock::time_point deadline,
             const std::function<void()>& while_waiting) {
  std::size_t malformed = 0;
  for (;;) {
    if (auto got = receive(socket, Limits{}, malformed)) {
      const Message& root = got->packet.root();
      if (const auto* failure = root.body_as_Failure()) raise(read(*failure));
      return std::move(got->packet);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0)
      throw Error(oast::FailureKind::disconnected,
                  "the broker did not answer the handshake in time");
    zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
    if (::zmq_poll(&item, 1, std::min(left, kSlice).count()) < 0 && errno != EINTR)
      throw zmq::error_t();
    if (while_waiting) while_waiting();
  }
}

/// libzmq dials again by itself, with nothing of ours: a broker that sees a first message which is
/// no Join has seen a connection that was cut on the way, and another try may go well.
Packet await_joined(zmq::socket_t& data, Clock::time_point deadline,
                    const std::function<void()>& while_waiting) try {
  return await(data, deadline, while_waiting);
} catch (const Error& error) {
  if (error.kind() != oast::FailureKind::permission_denied) throw;
  throw Error(oast::FailureKind::disconnected, error.failure().message);
}

}  // namespace

Connection dial(zmq::context_t& context, const std::string& control, const std::string& data,
                HelloT hello, std::chrono::milliseconds timeout,
                const std::function<void()>& while_waiting) {
  const auto deadline = Clock::now() + timeout;
  require_listener(control);
  Connection result{.control = connect(context, control), .data = connect(context, data)};

  hello.version_min = kVersion;
  hello.version_max = kVersion;
  Packet first = pack(RequestId{}, hello);
  send(result.control, PeerId{}, first);
  const Packet answer = await(result.control, deadline, while_waiting);
  const auto* welcome = answer.root().body_as_Welcome();
  if (welcome == nullptr)
    throw Error(oast::FailureKind::incompatible,
                "the broker answered Hello with something unknown");
  result.self = PeerId{welcome->peer()};
  result.version = welcome->version();
  result.heartbeat = std::chrono::milliseconds(welcome->heartbeat_ms());
  result.heartbeat_misses = welcome->heartbeat_misses();
  result.window_bytes = welcome->window_bytes();
  result.resumed = welcome->resumed();
  result.received = welcome->received();
  result.received_data = welcome->received_data();
  result.last_request = RequestId{welcome->last_request()};
  if (welcome->features() != nullptr)
    for (const auto* feature : *welcome->features()) result.features.emplace_back(text(feature));

  JoinT join;
  join.peer = welcome->peer();
  if (welcome->ticket() != nullptr)
    join.ticket.assign(welcome->ticket()->begin(), welcome->ticket()->end());
  Packet second = pack(RequestId{}, join);
  send(result.data, PeerId{}, second);
  const Packet joined = await_joined(result.data, deadline, while_waiting);
  if (joined.root().body_as_Joined() == nullptr)
    throw Error(oast::FailureKind::incompatible, "the broker answered Join with something unknown");
  return result;
}

}  // namespace oast::wire
