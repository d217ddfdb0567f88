// What crosses the data socket: requests to kernels, answers to hosts.
#pragma once

#include <deque>
#include <string_view>

#include "delivery.hpp"
#include "events.hpp"
#include "interrupts.hpp"
#include "kernel.hpp"
#include "peer_sender.hpp"
#include "peers.hpp"
#include "request_deadlines.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// A kernel's record has not the number that is due: some are lost, or sent twice.
class WrongNumber : public Error {
 public:
  using Error::Error;
};

/// Routes between hosts and kernels and keeps the account of every open request. Packets handed in
/// have passed wire::verify.
class Requests {
 public:
  Requests(KernelTable& kernels, PeerSender& sender, Delivery& delivery, Events& events,
           Interrupts& interrupts, RequestDeadlines& deadlines)
      : kernels_(kernels),
        sender_(sender),
        delivery_(delivery),
        events_(events),
        interrupts_(interrupts),
        deadlines_(deadlines) {}

  /// False when the body is none that a host may send on data.
  bool from_host(const Peer& host, PeerId to, wire::Packet&& packet);
  /// The same for a kernel. Throws WrongNumber.
  bool from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet);

  /// Ends a request that waits at the broker.
  void cancel(Kernel& kernel, RequestKey key, const Failure& why);
  /// What the kernel said of a request could not be passed on: it ends with `why`, if it is open.
  /// `number`: of the record.
  void lost(Kernel& kernel, RequestKey key, std::uint64_t number, const Failure& why);
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
    std::uint32_t lane;
    bool keep;  ///< it goes on without its host, and its reply stays in the log
  };
  static std::optional<Wishes> wishes_of(const wire::Message& message);
  void queue(Kernel& kernel, RequestKey key, const Wishes& wishes, wire::Packet&& packet);
  void pass_on(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  void refuse(RequestKey key, RequestQueue::Accepted why, const Kernel& kernel);
  void end_unsent(Kernel& kernel, RequestKey key, const std::exception& error);
  void dispatch(Kernel& kernel);
  /// Into the log, and to its host if `sent`.
  void record(Kernel& kernel, RequestKey key, wire::Packet&& packet, bool sent, bool keep = false);
  void ask_for_input(Kernel& kernel, RequestKey key, wire::Packet&& packet);
  /// What the request asked for is answered, or it has ended.
  void input_over(Kernel& kernel, std::uint64_t& asked);
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
  Delivery& delivery_;
  Events& events_;
  Interrupts& interrupts_;
  RequestDeadlines& deadlines_;
};

}  // namespace oast::broker
