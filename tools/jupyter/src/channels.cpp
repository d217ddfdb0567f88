#include "channels.hpp"

#include <cstdio>
#include <utility>

#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

using namespace std::chrono_literals;

constexpr int kBurst = 64;       // messages of one turn and socket
constexpr int kMostBursts = 64;  // when all that has come is wanted
constexpr std::int64_t kMostFrameBytes = std::int64_t{1} << 30;
constexpr std::size_t kJoined = std::size_t{64} << 10;  // of a stream in one message
constexpr int kMostPublished = 256;                     // messages on the way to a subscriber
constexpr auto kRetry = 1ms;                            // ZeroMQ does not say when there is room
constexpr auto kLinger = 2s;

// Topics of iopub: what is new, and what is for one subscriber alone.
constexpr std::string_view kLive = "oast.live.";
constexpr std::string_view kOwn = "oast.subscriber.";

/// Who asks for all topics gets the new, not what is for others.
std::string_view live_topic(std::string_view asked) {
  return kLive.starts_with(asked) ? kLive : asked;
}

Signer signer_of(const ConnectionFile& file) { return Signer(file.key, file.signature_scheme); }

void bind(zmq::socket_t& socket, const ConnectionFile& file, std::uint16_t port, const char* name) {
  socket.set(zmq::sockopt::maxmsgsize, kMostFrameBytes);
  socket.set(zmq::sockopt::linger, static_cast<int>(std::chrono::milliseconds(kLinger).count()));
  try {
    socket.bind(file.endpoint(port));
  } catch (const zmq::error_t& error) {
    throw Error(FailureKind::invalid, std::string("cannot listen for ") + name + " at " +
                                          file.endpoint(port) + ": " + error.what());
  }
}

}  // namespace

Channels::Channels(EventLoop& loop, const ConnectionFile& file)
    : loop_(loop), reader_(signer_of(file)), writer_(signer_of(file)) {
  iopub_.set(zmq::sockopt::xpub_manual, 1);
  iopub_.set(zmq::sockopt::xpub_nodrop, 1);
  iopub_.set(zmq::sockopt::sndhwm, kMostPublished);
  for (zmq::socket_t* router : {&shell_, &control_, &stdin_}) {
    router->set(zmq::sockopt::sndhwm, 0);           // no reply is dropped
    router->set(zmq::sockopt::router_handover, 1);  // a page that was loaded again has its old id
  }
  bind(heartbeat_, file, file.hb_port, "heartbeats");
  bind(shell_, file, file.shell_port, "shell");
  bind(control_, file, file.control_port, "control");
  bind(stdin_, file, file.stdin_port, "stdin");
  bind(iopub_, file, file.iopub_port, "iopub");
  loop.watch(control_, [this] { receive(control_, Channel::control); });
  loop.watch(heartbeat_, [this] { echo_heartbeats(); });
  loop.watch(stdin_, [this] { receive_input_replies(); });
  loop.watch(iopub_, [this] { receive_subscriptions(); });
  loop.watch(shell_, [this] { receive(shell_, Channel::shell); });
  loop.at_turn_end([this] { flush(); });
}

std::optional<Message> Channels::read(zmq::socket_t& socket) {
  auto frames = jupyter::receive(socket);
  if (!frames) return std::nullopt;
  auto message = reader_.read(std::move(*frames));
  if (!message) {
    const std::uint64_t count = dropped().all();
    if ((count & (count - 1)) ==
        0)  // the first, the second, the fourth, ...: nobody fills the disk
      std::fprintf(stderr, "oast-jupyter: a message was dropped, the %lluth so far: %s\n",
                   static_cast<unsigned long long>(count), reader_.why().c_str());
    return Message{};  // of no type
  }
  return message;
}

bool Channels::receive(zmq::socket_t& socket, Channel channel) {
  for (int i = 0; i < kBurst; ++i) {
    auto message = read(socket);
    if (!message) return false;
    if (!message->type().empty() && on_message_) on_message_(channel, std::move(*message));
  }
  return true;
}

void Channels::receive_shell() {
  for (int i = 0; i < kMostBursts && receive(shell_, Channel::shell); ++i) {
  }
}

void Channels::receive_input_replies() {
  for (int i = 0; i < kBurst; ++i) {
    const auto message = read(stdin_);
    if (!message) return;
    if (message->type() == "input_reply" && on_input_reply_) on_input_reply_(*message);
  }
}

void Channels::receive_subscriptions() {
  for (int i = 0; i < kBurst; ++i) {
    const auto frames = jupyter::receive(iopub_);
    if (!frames) return;
    const std::string_view text = frames->front().to_string_view();
    if (text.empty()) continue;
    // In manual mode both options act on the subscriber that the message came from.
    if (text.front() == '\1')
      welcome(text.substr(1));
    else
      iopub_.set(zmq::sockopt::unsubscribe, live_topic(text.substr(1)));
  }
}

/// First come the welcome and what it missed, by a topic that nobody else has, then what is new.
void Channels::welcome(std::string_view topic) {
  flush();
  const std::string own = std::string(kOwn) + std::to_string(++subscriptions_) + ".";
  iopub_.set(zmq::sockopt::subscribe, own);
  const Publication first{
      Json::object(), "iopub_welcome", {{"subscription", topic}}, Json::object(), {}};
  Frames frames = write(first, own + first.type);
  jupyter::send(iopub_, frames);
  for (const Publication& missed : replay_.replayed()) {
    frames = write(missed, own + missed.type);
    if (!jupyter::send(iopub_, frames)) break;  // it has not even taken in so many messages
  }
  iopub_.set(zmq::sockopt::unsubscribe, own);
  iopub_.set(zmq::sockopt::subscribe, live_topic(topic));
}

void Channels::echo_heartbeats() {
  for (int i = 0; i < kBurst; ++i) {
    auto frames = jupyter::receive(heartbeat_);
    if (!frames) return;
    jupyter::send(heartbeat_, *frames);
  }
}

void Channels::reply(Channel channel, const Message& request, std::string_view type, Json content) {
  flush();
  Message message;
  message.identities = request.identities;
  message.header = writer_.header(type);
  message.parent_header = request.header;
  message.content = std::move(content);
  Frames frames = writer_.write(message);
  jupyter::send(channel == Channel::control ? control_ : shell_, frames);
}

std::string Channels::ask_input(const Message& request, const std::string& prompt, bool password) {
  flush();
  Message message;
  message.identities = request.identities;
  message.header = writer_.header("input_request");
  message.parent_header = request.header;
  message.content = {{"prompt", prompt}, {"password", password}};
  Frames frames = writer_.write(message);
  jupyter::send(stdin_, frames);
  return message.id();
}

void Channels::publish(const Json& parent, std::string_view type, Json content, Json metadata,
                       OutputHold hold) {
  publish({parent, std::string(type), std::move(content), std::move(metadata), {}},
          std::move(hold));
}

void Channels::publish(Publication publication, OutputHold hold) {
  flush();
  std::vector<OutputHold> holds;
  if (hold) holds.push_back(std::move(hold));
  publish_now(std::move(publication), std::move(holds));
}

void Channels::publish_stream(const Json& parent, const char* name, std::string_view text,
                              OutputHold hold) {
  const bool joins = !stream_.text.empty() && stream_.name == std::string_view(name) &&
                     stream_.parent == parent && stream_.text.size() < kJoined;
  if (!joins) {
    flush();
    stream_ = {parent, name, {}, {}};
  }
  stream_.text += text;
  if (hold) stream_.holds.push_back(std::move(hold));
}

void Channels::flush() {
  if (stream_.text.empty()) return;
  Stream stream = std::exchange(stream_, {});
  publish_now({std::move(stream.parent),
               "stream",
               {{"name", stream.name}, {"text", std::move(stream.text)}},
               Json::object(),
               {}},
              std::move(stream.holds));
}

Frames Channels::write(const Publication& publication, const std::string& topic) {
  Message message;
  message.identities = {topic};
  message.header = writer_.header(publication.type);
  message.parent_header = publication.parent;
  message.metadata = publication.metadata;
  message.content = publication.content;
  for (const Buffer& buffer : publication.buffers) message.buffers.emplace_back(buffer.view());
  return writer_.write(message);
}

void Channels::publish_now(Publication publication, std::vector<OutputHold> holds) {
  Frames frames = write(publication, std::string(kLive) + publication.type);
  std::optional<Publication> kept;
  if (replay_.keeps(publication.parent)) kept = std::move(publication);
  waiting_.push_back({std::move(frames), std::move(kept), std::move(holds)});
  if (waiting_.size() == 1) send_waiting();
}

void Channels::send_waiting() {
  while (!waiting_.empty()) {
    Waiting& next = waiting_.front();
    if (!jupyter::send(iopub_, next.frames)) return loop_.after(kRetry, [this] { send_waiting(); });
    if (next.kept && replay_.keeps(next.kept->parent)) replay_.add(std::move(*next.kept));
    waiting_.pop_front();
  }
}

void Channels::close() {
  flush();
  for (zmq::socket_t* socket : {&shell_, &control_, &stdin_, &iopub_, &heartbeat_}) socket->close();
  context_.close();
}

}  // namespace oast::jupyter
