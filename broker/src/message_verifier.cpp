#include "message_verifier.hpp"

#include <exception>
#include <memory>
#include <string>

#include "oast/error.hpp"

namespace oast::broker {

void MessageVerifier::verify(RouterSocket& socket, Incoming& in) {
  const bool large = in.packet.message.size() > kLarge;
  if (!large && parked_.empty()) return hand_on_(socket, in, wire::verify(in.packet, limits_));
  const Connection connection{&socket, in.from};
  const auto found = parked_.find(connection);
  if (!large && found == parked_.end())
    return hand_on_(socket, in, wire::verify(in.packet, limits_));
  Parked& parked = found == parked_.end() ? parked_[connection] : found->second;
  try {
    park(socket, in, parked);
  } catch (...) {
    if (parked.messages == 0) parked_.erase(connection);
    throw;
  }
}

void MessageVerifier::park(RouterSocket& socket, Incoming& in, Parked& parked) {
  if (parked.bytes >= kMostParked)
    throw Error(FailureKind::overloaded, "the broker is still verifying " +
                                             std::to_string(parked.bytes) +
                                             " bytes of its messages, and takes no more for now");
  const auto kept = std::make_shared<Incoming>(std::move(in));
  try {
    worker_.run([this, &socket, kept, limits = limits_]() -> EventLoop::Callback {
      const auto wrong = wire::verify(kept->packet, limits);
      return [this, &socket, kept, wrong] { unpark(socket, *kept, wrong); };
    });
  } catch (...) {
    in = std::move(*kept);
    throw;
  }
  ++parked.messages;
  parked.bytes += kept->packet.bytes();
}

void MessageVerifier::unpark(RouterSocket& socket, Incoming& in,
                             std::optional<std::string_view> wrong) {
  const auto found = parked_.find({&socket, in.from});
  found->second.bytes -= in.packet.bytes();
  if (--found->second.messages == 0) parked_.erase(found);
  hand_on_(socket, in, wrong);
}

void MessageVerifier::after_parked(const RouterSocket& socket, const RoutingId& from,
                                   const std::function<void()>& callback) {
  if (!parked_.contains({&socket, from})) return callback();
  try {
    worker_.run([callback] { return callback; });
  } catch (const std::exception&) {
    callback();  // somebody waits for it, and memory is short
  }
}

}  // namespace oast::broker
