// The five sockets of a Jupyter kernel.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "connection_file.hpp"
#include "event_loop.hpp"
#include "message_reader.hpp"
#include "message_writer.hpp"
#include "oast/evaluator.hpp"
#include "replay_buffer.hpp"

namespace oast::jupyter {

/// Binds, signs and checks; knows frames and no meaning. For the loop's thread.
///
/// What is published goes to every subscriber or waits: the kernel whose output waits here is held
/// back (flow control), as an output's hold goes only when it was handed to ZeroMQ.
class Channels {
 public:
  enum class Channel : unsigned char { shell, control };
  using OnMessage = std::function<void(Channel, Message)>;
  using OnInputReply = std::function<void(const Message&)>;

  /// Throws Error(invalid) for an address that cannot be bound, with the reason.
  Channels(EventLoop& loop, const ConnectionFile& file);

  void on_message(OnMessage callback) { on_message_ = std::move(callback); }
  void on_input_reply(OnInputReply callback) { on_input_reply_ = std::move(callback); }

  /// Answers `request` on the channel it came by.
  void reply(Channel channel, const Message& request, std::string_view type, Json content);
  /// Sends input_request to who sent `request`. The id by which the answer names it.
  std::string ask_input(const Message& request, const std::string& prompt, bool password);
  /// On iopub. `parent` is a header, or {}.
  void publish(const Json& parent, std::string_view type, Json content,
               Json metadata = Json::object(), OutputHold hold = {});
  void publish(Publication publication, OutputHold hold);
  /// Text on stdout or stderr, joined with its neighbours of the same stream and parent that come
  /// in the same turn of the loop.
  void publish_stream(const Json& parent, const char* name, std::string_view text, OutputHold hold);
  /// Sends what was joined.
  void flush();
  /// Takes in what shell has now. The loop does it too.
  void receive_shell();
  /// Blocks for a moment until what was sent is on its way.
  void close();

  /// A frontend that subscribes from now on gets what was published for this request, first of all;
  /// with {} for none.
  void replay(const Json& header) { replay_.begin(header); }

  const Dropped& dropped() const { return reader_.dropped(); }

 private:
  struct Waiting {
    Frames frames;
    std::optional<Publication> kept;  ///< for the replay, once it is sent
    std::vector<OutputHold> holds;
  };
  struct Stream {
    Json parent;
    const char* name = "";
    std::string text;
    std::vector<OutputHold> holds;
  };

  /// Whether there may be more.
  bool receive(zmq::socket_t& socket, Channel channel);
  void receive_input_replies();
  void receive_subscriptions();
  void echo_heartbeats();
  std::optional<Message> read(zmq::socket_t& socket);
  void publish_now(Publication publication, std::vector<OutputHold> holds);
  Frames write(const Publication& publication, const std::string& topic);
  void welcome(std::string_view topic);
  void send_waiting();

  EventLoop& loop_;
  MessageReader reader_;
  MessageWriter writer_;
  OnMessage on_message_;
  OnInputReply on_input_reply_;
  zmq::context_t context_;
  zmq::socket_t shell_{context_, zmq::socket_type::router};
  zmq::socket_t control_{context_, zmq::socket_type::router};
  zmq::socket_t stdin_{context_, zmq::socket_type::router};
  zmq::socket_t iopub_{context_, zmq::socket_type::xpub};
  zmq::socket_t heartbeat_{context_, zmq::socket_type::router};
  Stream stream_;
  std::deque<Waiting> waiting_;
  ReplayBuffer replay_;
  std::uint64_t subscriptions_ = 0;
};

}  // namespace oast::jupyter
