#include "engine_adapter.hpp"

#include <string>
#include <utility>

#include "oast/kernel/engine_failure.hpp"
#include "oast/utf8.hpp"
#include "replies.hpp"

namespace oast::kernel {

namespace {

bool wants_value(wire::Reply reply) {
  return reply != wire::Reply::done && reply != wire::Reply::nothing;
}

}  // namespace

wire::Packet EngineAdapter::answer(Request& request) {
  const RequestId id = request.key().id;
  try {
    return run(id, request.message.packet);
  } catch (...) {
    writer_ = {};  // it may have been left in the middle
    return failure_packet(id, failure_of_exception());
  }
}

wire::Packet EngineAdapter::run(RequestId id, wire::Packet& packet) {
  const wire::Message& message = packet.root();
  const auto buffers = wire::share(std::move(packet.buffers));
  switch (message.body_type()) {
    case wire::Body::Eval: {
      const auto& body = *message.body_as_Eval();
      return eval(id, body, wire::read(body.args(), buffers));
    }
    case wire::Body::Call: {
      const auto& body = *message.body_as_Call();
      return call(id, body, wire::read(body.args(), buffers));
    }
    case wire::Body::Complete:
      return complete(id, *message.body_as_Complete());
    case wire::Body::Inspect:
      return inspect(id, *message.body_as_Inspect());
    case wire::Body::IsComplete:
      return is_complete(id, *message.body_as_IsComplete());
    default:
      throw Error(FailureKind::unimplemented, "no request that an engine can answer");
  }
}

wire::Packet EngineAdapter::eval(RequestId id, const wire::Eval& eval, std::vector<Value> args) {
  const Value value = engine_.eval({.code = wire::text(eval.code()),
                                    .source_name = wire::text(eval.source_name()),
                                    .args = std::move(args),
                                    .want_value = wants_value(eval.reply()),
                                    .want_channel = eval.reply() == wire::Reply::channel});
  return result_packet(writer_, id, value);
}

wire::Packet EngineAdapter::call(RequestId id, const wire::Call& call, std::vector<Value> args) {
  const Value value = engine_.call({.function = wire::text(call.function()),
                                    .source = wire::text(call.source()),
                                    .args = std::move(args),
                                    .want_value = wants_value(call.reply()),
                                    .want_channel = call.reply() == wire::Reply::channel});
  return result_packet(writer_, id, value);
}

wire::Packet EngineAdapter::complete(RequestId id, const wire::Complete& complete) {
  const Completions found = engine_.complete(wire::text(complete.code()), complete.cursor());
  wire::CompletionsT answer;
  for (const std::string& match : found.matches) answer.matches.push_back(to_utf8(match));
  answer.start = found.start;
  answer.end = found.end;
  return wire::pack(id, answer, wire::kNumberLater);
}

wire::Packet EngineAdapter::inspect(RequestId id, const wire::Inspect& inspect) {
  const auto text = engine_.inspect(wire::text(inspect.code()), inspect.cursor(), inspect.detail());
  wire::InspectionT answer;
  answer.found = text.has_value();
  if (text) answer.text = to_utf8(*text);
  return wire::pack(id, answer, wire::kNumberLater);
}

wire::Packet EngineAdapter::is_complete(RequestId id, const wire::IsComplete& is_complete) {
  const Completeness found = engine_.is_complete(wire::text(is_complete.code()));
  wire::CompletenessT answer;
  answer.status = static_cast<wire::CodeStatus>(found.status);
  answer.indent = to_utf8(found.indent);
  return wire::pack(id, answer, wire::kNumberLater);
}

}  // namespace oast::kernel
