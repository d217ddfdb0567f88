// What monitors see.
#pragma once

#include "kernel.hpp"
#include "sockets.hpp"

namespace oast::broker {

/// Publishes heartbeats and changes of state, if anybody listens. Changes between idle and busy are
/// thinned out to one look in kInterval, for they may come a hundred thousand times a second.
class Events {
 public:
  static constexpr std::chrono::milliseconds kInterval{50};

  Events(EventLoop& loop, KernelTable& kernels, EventsSocket& socket)
      : loop_(loop), kernels_(kernels), socket_(socket) {}

  void heartbeat(Kernel& kernel) { publish(kernel, wire::Change::heartbeat); }
  /// At once.
  void changed(Kernel& kernel) { publish(kernel, wire::Change::state); }
  /// Soon, if the state then still differs from the last one published.
  void changed_between_idle_and_busy();

 private:
  void publish(Kernel& kernel, wire::Change change);

  EventLoop& loop_;
  KernelTable& kernels_;
  EventsSocket& socket_;
  EventLoop::Handle timer_;
};

}  // namespace oast::broker
