#include "comms.hpp"

#include <utility>

#include "display_content.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

/// In a kernel's message: the request that caused it, whose id the kernel does not know.
constexpr std::string_view kParent = "oast:parent";

/// The widget that takes what a request prints names it.
void name_parent(Json& content, const Json& parent) {
  Json& data = content["data"];
  if (!data.is_object() || !data.contains("state")) return;
  if (text_at(data["state"], "msg_id") == kParent)
    data["state"]["msg_id"] = text_at(parent, "msg_id");
}

Json object_at(const Json& message, const char* name) {
  const auto found = message.find(name);
  return found != message.end() && found->is_object() ? *found : Json::object();
}

}  // namespace

std::vector<Value> Comms::to_kernel(const Message& message) {
  note(message.type(), message.content);
  std::vector<Value> arguments{message.type(), dump_json(message.content),
                               dump_json(message.metadata)};
  for (const zmq::message_t& buffer : message.buffers)
    arguments.emplace_back(Buffer::copy_of(buffer.to_string_view()));
  return arguments;
}

bool Comms::from_kernel(Channels& channels, const Json& parent, const Output& output,
                        OutputHold hold) {
  if (output.parts.empty() || output.parts.front().first != kMime) return false;
  const auto* const text = std::get_if<std::string>(&output.parts.front().second.variant());
  Json message;
  try {
    message = parse_json(text == nullptr ? "" : *text);
  } catch (const Error&) {
    return true;  // it is from a kernel that knows no comms
  }
  const std::string type = text_at(message, "type");
  if (!is_comm(type)) return true;
  Publication publication{
      parent, type, object_at(message, "content"), object_at(message, "metadata"), {}};
  note(type, publication.content);
  name_parent(publication.content, parent);
  for (std::size_t i = 1; i < output.parts.size(); ++i)
    if (const auto* bytes = std::get_if<Buffer>(&output.parts[i].second.variant()))
      publication.buffers.push_back(*bytes);
  channels.publish(std::move(publication), std::move(hold));
  return true;
}

void Comms::note(std::string_view type, const Json& content) {
  if (type == "comm_open") targets_[text_at(content, "comm_id")] = text_at(content, "target_name");
  if (type == "comm_close") targets_.erase(text_at(content, "comm_id"));
}

Json Comms::info(const Json& request) const {
  const std::string wanted = text_at(request, "target_name");
  Json comms = Json::object();
  for (const auto& [id, target] : targets_)
    if (wanted.empty() || wanted == target) comms[id] = {{"target_name", target}};
  return {{"comms", std::move(comms)}};
}

}  // namespace oast::jupyter
