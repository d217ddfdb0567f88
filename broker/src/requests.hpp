// What crosses the data socket: requests to kernels, answers to hosts.
#pragma once

#include <deque>
#include <string_view>

#include "events.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"
#include "request_deadlines.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Routes between hosts and kernels and keeps the account of every open request. Packets handed in
/// have passed wire::verify.
class Requests {
 public:
  Requests(KernelTable& kernels, PeerSender& sender, Events& events, Interrupts& interrupts,
           RequestDeadlines& deadlines)
      : kernels_(kernels),
        sender_(sender),
        events_(events),
        interrupts_(interrupts),
        deadlines_(deadlines) {}

  /// False when the body is none that a host may send on data.
  bool from_host(const Peer& host, PeerId to, wire::Packet&& packet);
  /// The same for a kernel.
  bool from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet);

  /// Ends a request that waits at the broker.
  void cancel(Kernel& kernel, RequestKey key, const Failure& why);
  /// What the kernel said of a request could not be passed on: it ends with `why`, if it is open.
  void lost(Kernel& kernel, RequestKey key, const Failure& why);
  /// Ends all open requests with the kernel's death: some at once, the rest in `turn`.
  void kernel_died(Kernel& kernel);
  /// Ends what the host has not seen begin, and tells the kernels that it has asked something.
  /// Goes on with those; says whether there were any.
  bool turn();
  /// Ends what the host has not seen begin.
  void host_left(PeerId host);

 private:
  /// How an Eval or Call is to be answered, and until when.
  struct Wishes {
    wire::Reply reply;
    std::uint64_t timeout_ms;  ///< 0: none
    std::uint64_t kill_ms;
  };
  static std::optional<Wishes> wishes_of(const wire::Message& message);
  void queue(Kernel& kernel, RequestKey key, const Wishes& wishes, wire::Packet&& packet);
  void pass_on(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  void refuse(RequestKey key, RequestQueue::Accepted why, const Kernel& kernel);
  void end_unsent(Kernel& kernel, RequestKey key, const std::exception& error);
  void dispatch(Kernel& kernel);
  void ask_for_input(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  void finish(Kernel& kernel, RequestKey key, wire::Packet&& packet);

  /// A kernel that died with more requests than one turn can end. Each gets the same Failure but
  /// for its id; the last lines of stderr travel with the first kFullTails of them, and less with
  /// others.
  struct Ending {
    KernelId kernel;
    wire::Packet full;
    wire::Packet brief;
    std::size_t told = 0;
  };
  /// Ends some; true when none are left.
  bool end_some(Kernel& kernel, Ending& ending);

  std::deque<Ending> endings_;
  std::deque<KernelId> left_;  // kernels with requests of hosts that left
  bool end_some_of_left();
  KernelTable& kernels_;
  PeerSender& sender_;
  Events& events_;
  Interrupts& interrupts_;
  RequestDeadlines& deadlines_;
};

}  // namespace oast::broker
