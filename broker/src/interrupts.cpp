#include "interrupts.hpp"

#include <iterator>
#include <utility>

namespace oast::broker {

using Outcome = wire::InterruptOutcome;
using Stage = RequestQueue::Stage;

namespace {

constexpr std::chrono::milliseconds kAskAgain{5};

}  // namespace

void Interrupts::ask(const RequestKey& asker, Kernel& kernel, const wire::InterruptT& request) {
  if (!kernel.alive()) return sender_.answer(asker, died(kernel));
  const PeerId host = request.host != 0 ? PeerId{request.host} : asker.host;
  const RequestKey key{host, RequestId{request.request}};
  wire::BreakT message;
  Pending pending{.asker = asker, .kernel = kernel.id, .escalate = request.escalate};
  if (key.id) {
    const auto* open = kernel.queue.find(key);
    if (open == nullptr) return answer(asker, Outcome::already_finished, key);
    if (open->stage == Stage::waiting) {
      on_cancelled_(kernel, key);
      return answer(asker, Outcome::cancelled, key);
    }
    pending.target = key;
    message.sequence = open->sequence;
    if (open->stage == Stage::direct) {
      message.host = key.host.value;
      message.request = key.id.value;
    }
  } else if (!kernel.queue.running()) {
    return answer(asker, Outcome::nothing_running, {});
  } else {
    message.last = kernel.queue.last_sequence();
  }
  const auto id = ++last_id_;
  pending.deadline =
      loop_.after(std::chrono::milliseconds(request.timeout_ms), [this, id] { expired(id); });
  pending_.emplace(id, std::move(pending));
  sender_.control(peer_of(kernel.id), RequestId{id}, message);
}

void Interrupts::interrupt(Kernel& kernel, std::uint64_t sequence) {
  wire::BreakT message;
  message.sequence = sequence;
  // Of what the kernel says to an id that is not pending, nobody needs to know.
  sender_.control(peer_of(kernel.id), RequestId{++last_id_}, message);
}

void Interrupts::reply(Kernel& kernel, RequestId break_id, const wire::BreakReplyT& reply) {
  const auto found = pending_.find(break_id.value);
  if (found == pending_.end() || found->second.kernel != kernel.id || found->second.killing) return;
  Pending& pending = found->second;
  pending.said = reply.state;
  if (!pending.target && reply.state == wire::BreakState::signalled) {
    pending.target = kernel.queue.by_sequence(reply.sequence);
    if (!pending.target) pending.ended = last_interrupted_[kernel.id.value] >= reply.sequence;
  }
  const auto* open = pending.target ? kernel.queue.find(*pending.target) : nullptr;
  if (reply.state == wire::BreakState::finished && open != nullptr &&
      open->stage == Stage::direct) {
    pending.said.reset();
    pending.ask_again = loop_.after(kAskAgain, [this, break_id] { ask_again(break_id.value); });
    return;
  }
  settle(found);
}

void Interrupts::ask_again(std::uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || !found->second.target) return;
  wire::BreakT message;
  message.host = found->second.target->host.value;
  message.request = found->second.target->id.value;
  sender_.control(peer_of(found->second.kernel), RequestId{id}, message);
}

void Interrupts::ended(Kernel& kernel, RequestKey key, const RequestQueue::Open& open,
                       bool interrupted) {
  if (pending_.empty()) return;
  if (interrupted && open.sequence != 0) last_interrupted_[kernel.id.value] = open.sequence;
  for (auto it = pending_.begin(); it != pending_.end();) {
    Pending& pending = it->second;
    if (pending.kernel == kernel.id && pending.target == key && !pending.killing) {
      pending.ended = interrupted;
      it = settle(it);
    } else {
      ++it;
    }
  }
}

Interrupts::Iterator Interrupts::settle(Iterator it) {
  const Pending& pending = it->second;
  if (!pending.said) return std::next(it);
  switch (*pending.said) {
    case wire::BreakState::finished:
      return finish(it, Outcome::already_finished);
    case wire::BreakState::nothing:
      return finish(it, Outcome::nothing_running);
    case wire::BreakState::cancelled:
      return pending.ended ? finish(it, Outcome::cancelled) : std::next(it);
    case wire::BreakState::signalled:
      break;
  }
  if (!pending.ended) return std::next(it);
  return finish(it, *pending.ended ? Outcome::interrupted : Outcome::already_finished);
}

void Interrupts::kernel_died(Kernel& kernel) {
  last_interrupted_.erase(kernel.id.value);
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.kernel != kernel.id) {
      ++it;
    } else if (it->second.killing) {
      it = finish(it, Outcome::killed);
    } else {
      sender_.answer(it->second.asker, died(kernel));
      it = pending_.erase(it);
    }
  }
}

void Interrupts::expired(std::uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  // It is known to have ended, though the kernel did not say by what.
  if (found->second.ended) {
    finish(found, *found->second.ended ? Outcome::interrupted : Outcome::already_finished);
    return;
  }
  if (found->second.said == wire::BreakState::cancelled) {
    finish(found, Outcome::cancelled);
    return;
  }
  Kernel* kernel = kernels_.find(found->second.kernel);
  if (!found->second.escalate || kernel == nullptr || !kernel->alive()) {
    finish(found, Outcome::not_interruptible);
    return;
  }
  found->second.killing = true;
  supervisor_.kill(*kernel, DeathCause::stopped,
                   "it did not stop when it was interrupted, and was killed for that");
}

void Interrupts::answer(const RequestKey& asker, Outcome outcome, RequestKey key) {
  wire::InterruptedT message;
  message.outcome = outcome;
  message.request = key.id.value;
  message.host = key.host.value;
  sender_.answer(asker, message);
}

Interrupts::Iterator Interrupts::finish(Iterator pending, Outcome outcome) {
  answer(pending->second.asker, outcome, pending->second.target.value_or(RequestKey{}));
  return pending_.erase(pending);
}

}  // namespace oast::broker
