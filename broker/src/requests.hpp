// What crosses the data socket: requests to kernels, answers to hosts.
#pragma once

#include <string_view>

#include "events.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "mail.hpp"
#include "peers.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Routes between hosts and kernels and keeps the account of every open request. Packets handed in
/// have passed wire::verify.
class Requests {
 public:
  Requests(KernelTable& kernels, Mail& mail, Events& events, Interrupts& interrupts)
      : kernels_(kernels), mail_(mail), events_(events), interrupts_(interrupts) {}

  /// False when the body is none that a host may send on data.
  bool from_host(const Peer& host, PeerId to, wire::Packet&& packet);
  /// The same for a kernel.
  bool from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet);

  /// Ends a request that waits at the broker.
  void cancel(Kernel& kernel, RequestKey key);
  /// Ends all open requests with the kernel's death.
  void kernel_died(Kernel& kernel);
  /// Ends what the host has not seen begin, and tells the kernels that it has asked something.
  void host_left(PeerId host);

 private:
  void queue(Kernel& kernel, RequestKey key, wire::Reply reply, wire::Packet&& packet);
  void pass_on(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  void refuse(RequestKey key, RequestQueue::Accepted why, const Kernel& kernel);
  void dispatch(Kernel& kernel);
  void ask_for_input(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  void finish(Kernel& kernel, RequestKey key, wire::Packet&& packet);

  KernelTable& kernels_;
  Mail& mail_;
  Events& events_;
  Interrupts& interrupts_;
};

}  // namespace oast::broker
