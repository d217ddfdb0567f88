// A request of a frontend, and what the protocol wants around its reply.
#pragma once

#include <memory>
#include <utility>

#include "channels.hpp"

namespace oast::jupyter {

/// Busy when it begins, then its output, its reply, and idle, each with its parent header. For the
/// loop's thread.
class Exchange {
 public:
  Exchange(Channels& channels, Channels::Channel channel, Message request)
      : channels_(channels), channel_(channel), request_(std::move(request)) {}

  const Message& request() const { return request_; }
  const Json& content() const { return request_.content; }

  void begin() { status("busy"); }
  /// Something on iopub that belongs to it.
  void publish(std::string_view type, Json content, Json metadata = Json::object(),
               OutputHold hold = {}) {
    channels_.publish(request_.header, type, std::move(content), std::move(metadata),
                      std::move(hold));
  }
  void publish_stream(const char* name, std::string_view text, OutputHold hold = {}) {
    channels_.publish_stream(request_.header, name, text, std::move(hold));
  }
  std::string ask_input(const std::string& prompt, bool password) {
    return channels_.ask_input(request_, prompt, password);
  }
  /// `content` without a status means "ok".
  void reply(std::string_view type, Json content) {
    if (!content.contains("status")) content["status"] = "ok";
    channels_.reply(channel_, request_, type, std::move(content));
  }
  void end() { status("idle"); }

 private:
  void status(const char* state) { publish("status", {{"execution_state", state}}); }

  Channels& channels_;
  const Channels::Channel channel_;
  const Message request_;
};

using SharedExchange = std::shared_ptr<Exchange>;

}  // namespace oast::jupyter
