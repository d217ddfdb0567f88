// Interrupts, until their outcome is known.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "kernel.hpp"
#include "logger.hpp"
#include "peer_sender.hpp"
#include "supervisor.hpp"

namespace oast::broker {

/// Every Interrupt is answered once: by the end of what it aimed at, by what the kernel says of it,
/// or at its deadline. It names a request by (host, id), and the kernel knows that request by its
/// number, so it cannot hit a later one.
class Interrupts {
 public:
  Interrupts(EventLoop& loop, KernelTable& kernels, PeerSender& sender, Supervisor& supervisor)
      : loop_(loop), kernels_(kernels), sender_(sender), supervisor_(supervisor) {}

  /// Called with a request that was cancelled while it waited at the broker.
  void on_cancelled(std::function<void(Kernel&, RequestKey)> callback) {
    on_cancelled_ = std::move(callback);
  }

  /// The request that was dispatched with this number, on the broker's own account.
  void interrupt(Kernel& kernel, std::uint64_t sequence);
  void ask(const RequestKey& asker, Kernel& kernel, const wire::InterruptT& request);
  /// The kernel's word on the Break with this id.
  void reply(Kernel& kernel, RequestId break_id, const wire::BreakReplyT& reply);
  /// A request of the kernel got its terminal reply.
  void ended(Kernel& kernel, RequestKey key, const RequestQueue::Open& open, bool interrupted);
  void kernel_died(Kernel& kernel);

 private:
  struct Pending {
    RequestKey asker;
    KernelId kernel;
    std::optional<RequestKey> target;  ///< nothing: whatever runs, until the kernel names it
    bool escalate = false;
    bool killing = false;
    std::optional<wire::BreakState> said;  ///< by the kernel
    std::optional<bool> ended;             ///< the target has; true: with Failure `interrupted`
    EventLoop::Handle deadline;
    EventLoop::Handle ask_again;
  };
  using Iterator = std::map<std::uint64_t, Pending>::iterator;

  /// A direct request and the Break for it are under way to the kernel on two sockets.
  void ask_again(std::uint64_t id);
  void answer(const RequestKey& asker, wire::InterruptOutcome outcome, RequestKey key);
  /// Answers if the kernel's word and the target's end are both there, which come on two sockets.
  Iterator settle(Iterator it);
  Iterator finish(Iterator pending, wire::InterruptOutcome outcome);
  void expired(std::uint64_t id);

  EventLoop& loop_;
  KernelTable& kernels_;
  PeerSender& sender_;
  Supervisor& supervisor_;
  std::function<void(Kernel&, RequestKey)> on_cancelled_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Pending> pending_;
  /// Per kernel, the number of the last request that ended interrupted: its end may be known before
  /// the kernel's BreakReply names it.
  std::map<std::uint64_t, std::uint64_t> last_interrupted_;
};

}  // namespace oast::broker
