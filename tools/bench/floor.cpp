#include "floor.hpp"

#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>
#include <zmq_addon.hpp>

#include "oast/codec.hpp"

namespace oast::bench {

namespace {

constexpr std::size_t kAddressBytes = 8;

/// Without a limit of messages, so that a burst is held by nobody.
zmq::socket_t make_socket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::linger, 0);
  return socket;
}

void run_proxy(const std::string& endpoint) {
  zmq::context_t context;
  auto front = make_socket(context, zmq::socket_type::router);
  auto back = make_socket(context, zmq::socket_type::dealer);
  front.bind(endpoint + "-hosts");
  back.bind(endpoint + "-kernels");
  zmq::proxy(front, back);
}

/// What the ROUTER put in front goes back with the reply.
void run_echo(const std::string& endpoint, std::size_t reply_bytes) {
  zmq::context_t context;
  auto socket = make_socket(context, zmq::socket_type::dealer);
  socket.connect(endpoint + "-kernels");
  for (std::vector<zmq::message_t> frames;; frames.clear()) {
    if (!zmq::recv_multipart(socket, std::back_inserter(frames))) continue;
    frames.back().rebuild(reply_bytes);
    zmq::send_multipart(socket, frames);
  }
}

}  // namespace

FrameSizes frame_sizes() {
  const RequestId id{1};
  wire::Writer writer;
  const auto code = writer.builder().CreateString("1 + 1");
  const std::size_t request =
      writer.finish(id, wire::CreateEval(writer.builder(), code)).message.size();
  const auto value = writer.value(Value(2));
  return {request, writer.finish(id, wire::CreateResult(writer.builder(), value)).message.size()};
}

Floor::Floor(const std::filesystem::path& directory, FrameSizes sizes)
    : sizes_(sizes),
      endpoint_("ipc://" + (directory / "floor").string()),
      proxy_([this] { run_proxy(endpoint_); }),
      echo_([this] { run_echo(endpoint_, sizes_.reply); }) {}

void Floor::connect() {
  socket_ = make_socket(context_, zmq::socket_type::dealer);
  socket_.connect(endpoint_ + "-hosts");
  round_trip();
}

void Floor::round_trip() {
  send();
  receive();
}

void Floor::pipelined(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) send();
  for (std::size_t i = 0; i < count; ++i) receive();
}

void Floor::send() {
  socket_.send(zmq::message_t(kAddressBytes), zmq::send_flags::sndmore);
  socket_.send(zmq::message_t(sizes_.request), zmq::send_flags::none);
}

void Floor::receive() {
  zmq::message_t frame;
  do {
    if (!socket_.recv(frame)) throw std::runtime_error("the floor's echo is gone");
  } while (frame.more());
}

}  // namespace oast::bench
