// What comes on data.
#pragma once

#include "shared.hpp"

namespace oast::kernel {

/// Takes requests in for the engine, does channel operations, and hands answers to whom waits for
/// them. Called on whichever thread holds the data socket, one message at a time; never blocks.
class Dispatcher {
 public:
  explicit Dispatcher(Shared& shared) : shared_(shared) {}

  void handle(wire::Addressed&& received);
  /// What cannot be read.
  void refuse(const wire::Refused& refused);

 private:
  void take_in(wire::Addressed&& received);
  void input_reply(RequestKey key, const wire::InputReply& reply);
  void channel_put(RequestKey key, wire::Packet&& packet);
  void channel_take(RequestKey key, const wire::ChannelTake& take);
  void host_left(PeerId host);
  ChannelTable::Done reply_to(RequestKey key);

  Shared& shared_;
};

}  // namespace oast::kernel
