#include "dispatcher.hpp"

#include <string>
#include <utility>

#include "replies.hpp"

namespace oast::kernel {

void Dispatcher::handle(wire::Addressed&& received) {
  const wire::Message& message = received.packet.root();
  const RequestKey key{received.peer, RequestId{message.id()}};
  switch (message.body_type()) {
    case wire::Body::Eval:
    case wire::Body::Call:
    case wire::Body::Complete:
    case wire::Body::Inspect:
    case wire::Body::IsComplete:
      return take_in(std::move(received));
    case wire::Body::InputReply:
      return input_reply(key, *message.body_as_InputReply());
    case wire::Body::ChannelPut:
      return channel_put(key, std::move(received.packet));
    case wire::Body::ChannelTake:
      return channel_take(key, *message.body_as_ChannelTake());
    case wire::Body::ChannelReady:
      return shared_.reply(
          key, shared_.channels.ready(ChannelId{message.body_as_ChannelReady()->channel()}));
    case wire::Body::ChannelClose:
      return shared_.reply(
          key, shared_.channels.close(ChannelId{message.body_as_ChannelClose()->channel()}));
    case wire::Body::HostLeft:
      if (!received.peer) host_left(PeerId{message.body_as_HostLeft()->host()});
      return;
    case wire::Body::Result:
    case wire::Body::Failure:
    case wire::Body::Output:
    case wire::Body::InputRequest:
      // Answers to what this kernel never asked; an answer to those would have no end.
      return;
    default:
      return shared_.fail(key, make_failure(FailureKind::unimplemented,
                                            "a kernel does not know what to do with this"));
  }
}

void Dispatcher::refuse(const wire::Refused& refused) {
  const RequestKey key{refused.peer, refused.head.id};
  shared_.intake.refuse(refused.route.sequence);
  if (!key.host || !key.id) return;  // nobody waits for an answer, or it cannot be given
  switch (refused.head.body) {
    case wire::Body::InputReply:
      return shared_.input.answer(key, 0, std::nullopt);
    case wire::Body::Result:
    case wire::Body::Failure:
    case wire::Body::Output:
    case wire::Body::InputRequest:
      return;
    default:
      return shared_.fail(key, refused.failure("the kernel"));
  }
}

void Dispatcher::take_in(wire::Addressed&& received) {
  const RequestKey key{received.peer, RequestId{received.packet.root().id()}};
  switch (shared_.intake.push(std::move(received))) {
    case Intake::Taken::queued:
      return;
    case Intake::Taken::cancelled:
      return shared_.fail(key, make_failure(FailureKind::interrupted, "cancelled while queued"));
    case Intake::Taken::overloaded:
      return shared_.fail(
          key, make_failure(FailureKind::overloaded, "too many requests wait for this kernel"));
    case Intake::Taken::no_such_lane:
      return shared_.fail(key, make_failure(FailureKind::unimplemented,
                                            "this kernel runs one request after the other, in lane "
                                            "0, and has no lane but that"));
  }
}

void Dispatcher::input_reply(RequestKey key, const wire::InputReply& reply) {
  std::optional<std::string> answer;
  if (const auto* bytes = reply.bytes())
    answer.emplace(bytes->begin(), bytes->end());
  else if (!reply.eof())
    answer = wire::text(reply.text());
  shared_.input.answer(key, reply.ask(), std::move(answer));
}

void Dispatcher::channel_put(RequestKey key, wire::Packet&& packet) {
  const auto* put = packet.root().body_as_ChannelPut();
  const auto buffers = wire::share(std::move(packet.buffers));
  const ChannelId channel{put->channel()};
  Value value = wire::read(put->value(), buffers);
  if (put->back()) return shared_.channels.put_back(channel, std::move(value), reply_to(key));
  shared_.channels.put(channel, key, std::move(value), reply_to(key));
}

void Dispatcher::channel_take(RequestKey key, const wire::ChannelTake& take) {
  shared_.channels.take(ChannelId{take.channel()}, key, reply_to(key));
}

void Dispatcher::host_left(PeerId host) {
  shared_.channels.cancel_all(host);
  shared_.input.end(host);
}

ChannelTable::Done Dispatcher::reply_to(RequestKey key) {
  return [this, key](ChannelTable::Outcome outcome) { shared_.reply(key, std::move(outcome)); };
}

}  // namespace oast::kernel
