#include "requests.hpp"

#include <utility>

namespace oast::broker {

using wire::Body;

namespace {

bool is_direct(Body body) {
  switch (body) {
    case Body::Complete:
    case Body::Inspect:
    case Body::IsComplete:
    case Body::ChannelPut:
    case Body::ChannelTake:
    case Body::ChannelReady:
    case Body::ChannelClose:
      return true;
    default:
      return false;
  }
}

bool is_terminal(Body body) {
  switch (body) {
    case Body::Result:
    case Body::Failure:
    case Body::Completions:
    case Body::Inspection:
    case Body::Completeness:
      return true;
    default:
      return false;
  }
}

constexpr int kEndedPerTurn = 512;
constexpr std::size_t kSeenPerTurn = 2048;
constexpr std::size_t kFullTails = 256;
constexpr std::size_t kBriefTail = 200;

/// A copy of a message of the broker's own with another id.
wire::Packet with_id(const wire::Packet& like, RequestId id) {
  wire::Packet packet{zmq::message_t(like.message.data(), like.message.size()), {}};
  auto* root = flatbuffers::GetMutableRoot<flatbuffers::Table>(packet.message.data());
  root->SetField<std::uint64_t>(wire::Message::VT_ID, id.value, 0);
  return packet;
}

wire::Packet host_left_message(PeerId host) {
  wire::HostLeftT left;
  left.host = host.value;
  return wire::pack(RequestId{}, left);
}

}  // namespace

std::optional<Requests::Wishes> Requests::wishes_of(const wire::Message& message) {
  if (const auto* eval = message.body_as_Eval())
    return Wishes{eval->reply(), eval->timeout_ms(), eval->kill_ms(), eval->lane(), eval->keep()};
  if (const auto* call = message.body_as_Call())
    return Wishes{call->reply(), call->timeout_ms(), call->kill_ms(), call->lane(), call->keep()};
  return std::nullopt;
}

bool Requests::from_host(const Peer& host, PeerId to, wire::Packet&& packet) {
  const wire::Message& message = packet.root();
  const RequestKey key{host.id, RequestId{message.id()}};
  const auto queued = wishes_of(message);
  const bool direct = is_direct(message.body_type());
  const bool input = message.body_type() == Body::InputReply;
  if (!queued && !direct && !input) return false;

  Kernel* kernel = kernels_.find(KernelId{to.value});
  if (!key.id) {
    sender_.fail(key, failure(FailureKind::invalid, "a request's id should not be 0"));
  } else if (kernel == nullptr) {
    sender_.fail(key, failure(FailureKind::not_found,
                              "no kernel " + std::to_string(to.value) + " on this broker"));
  } else if (!kernel->alive()) {
    sender_.fail(key, died(*kernel));
  } else if (input) {
    auto* open = kernel->queue.find(key);
    if (open == nullptr || open->asks == 0) return true;  // it ended meanwhile, or did not ask
    if (--open->asks == 0) input_over(*kernel, open->asked);
    sender_.data(to, host.id, std::move(packet));
  } else if (!kernel->registered()) {
    sender_.fail(key, failure(FailureKind::overloaded, "kernel " + std::to_string(to.value) +
                                                           " is still starting: try again"));
  } else if (!kernel->serving()) {
    sender_.fail(key, failure(FailureKind::kernel_died, "kernel " + std::to_string(to.value) +
                                                            " is stopping and takes no requests"));
  } else if (queued) {
    queue(*kernel, key, *queued, std::move(packet));
  } else {
    pass_on(*kernel, key, std::move(packet));
  }
  return true;
}

void Requests::queue(Kernel& kernel, RequestKey key, const Wishes& wishes, wire::Packet&& packet) {
  const auto accepted = kernel.queue.accept(key, wishes.reply, packet, wishes.lane, wishes.keep);
  if (accepted != RequestQueue::Accepted::yes) return refuse(key, accepted, kernel);
  try {
    kernel.hosts.insert(key.host);
    if (wishes.timeout_ms != 0) deadlines_.set(kernel, key, wishes.timeout_ms, wishes.kill_ms);
  } catch (...) {
    kernel.queue.end(key);
    throw;
  }
  dispatch(kernel);
}

void Requests::pass_on(Kernel& kernel, RequestKey key, wire::Packet&& packet) {
  const auto accepted = kernel.queue.accept_direct(key, packet.bytes());
  if (accepted != RequestQueue::Accepted::yes) return refuse(key, accepted, kernel);
  try {
    kernel.hosts.insert(key.host);
    sender_.data(peer_of(kernel.id), key.host, std::move(packet));
  } catch (const std::exception& error) {
    end_unsent(kernel, key, error);
  }
}

/// A lack of something kept it from its kernel, or its answer from its host.
void Requests::end_unsent(Kernel& kernel, RequestKey key, const std::exception& error) {
  const auto open = kernel.queue.end(key);
  delivery_.request_ended(kernel);
  if (open && open->reply != wire::Reply::nothing)
    sender_.fail(key, failure(FailureKind::overloaded,
                              std::string("the broker could not pass it on: ") + error.what()));
}

void Requests::refuse(RequestKey key, RequestQueue::Accepted why, const Kernel& kernel) {
  // A second terminal reply for an id that is open would be taken for the first one's; so the
  // complaint goes without an id.
  if (why == RequestQueue::Accepted::duplicate)
    return sender_.fail({key.host, RequestId{}},
                        failure(FailureKind::invalid, "request id " + std::to_string(key.id.value) +
                                                          " is open already: choose another"));
  const std::string name = "kernel " + std::to_string(kernel.id.value);
  if (why == RequestQueue::Accepted::crowded)
    return sender_.fail(
        key, failure(FailureKind::overloaded, name + " has requests in " +
                                                  std::to_string(RequestQueue::kMostLanes) +
                                                  " lanes, and takes none in another"));
  sender_.fail(key, failure(FailureKind::overloaded,
                            name + " has requests of " + std::to_string(kernel.queue.bytes()) +
                                " bytes to answer, and takes no more for now"));
}

void Requests::dispatch(Kernel& kernel) {
  while (auto next = kernel.queue.dispatch()) try {
      sender_.data(peer_of(kernel.id), next->key.host, std::move(next->packet),
                   {.sequence = next->sequence});
    } catch (const std::exception& error) {
      end_unsent(kernel, next->key, error);
    }
  const auto event = kernel.queue.dispatched() > 0 ? KernelEvent::request_dispatched
                                                   : KernelEvent::last_request_ended;
  if (kernel.state.apply(event)) events_.changed_between_idle_and_busy();
}

bool Requests::from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet) {
  const wire::Message& message = packet.root();
  const Body body = message.body_type();
  const RequestKey key{to, RequestId{message.id()}};
  if (is_terminal(body)) {
    finish(kernel, key, std::move(packet));
  } else if (body == Body::InputRequest) {
    ask_for_input(kernel, key, std::move(packet));
  } else if (body == Body::Output) {
    // Also without an open request: what a request left running may write after its end.
    record(kernel, key, std::move(packet), kernel.hosts.contains(to));
  } else {
    return false;
  }
  return true;
}

void Requests::record(Kernel& kernel, RequestKey key, wire::Packet&& packet, bool sent, bool keep) {
  const std::uint64_t number = packet.root().number();
  if (!delivery_.record(kernel, key, packet, sent ? Delivery::To::host : Delivery::To::log_only,
                        keep))
    throw WrongNumber(FailureKind::invalid,
                      "it sent a record with the number " + std::to_string(number) + " where " +
                          std::to_string(kernel.records->log.end()) + " was due");
}

void Requests::ask_for_input(Kernel& kernel, RequestKey key, wire::Packet&& packet) {
  const bool here = kernel.hosts.contains(key.host);
  auto* const open = kernel.queue.find(key);
  const std::uint64_t number = packet.root().number();
  const std::uint64_t ask = packet.root().body_as_InputRequest()->ask();
  record(kernel, key, std::move(packet), here && open != nullptr);
  if (here && open != nullptr) {
    input_over(kernel, open->asked);  // one at a time
    open->asked = number;
    delivery_.input_asked(kernel, number, key.host);
    ++open->asks;
    return;
  }
  delivery_.input_over(kernel, number);
  // Of a host that left, what was dispatched is still open. Ids are the hosts' own, so the answer
  // names the host: the kernel may have gone on to another's request.
  if (!here) return sender_.data(peer_of(kernel.id), PeerId{}, host_left_message(key.host));
  wire::InputReplyT reply;
  reply.eof = true;
  reply.ask = ask;
  sender_.data(peer_of(kernel.id), key.host, wire::pack(key.id, reply));
}

void Requests::input_over(Kernel& kernel, std::uint64_t& asked) {
  if (asked != 0) delivery_.input_over(kernel, std::exchange(asked, 0));
}

void Requests::finish(Kernel& kernel, RequestKey key, wire::Packet&& packet) {
  const auto* found = kernel.queue.find(key);
  // Its host left, or it was answered already.
  if (found == nullptr) return record(kernel, key, std::move(packet), false);
  const auto* failed = packet.root().body_as_Failure();
  const bool interrupted = failed != nullptr && failed->kind() == wire::FailureKind::interrupted;
  RequestDeadlines::explain(*found, packet);
  // It ends when its answer is under way: if that fails, `lost` still finds it.
  const bool wanted = found->reply != wire::Reply::nothing;
  record(kernel, key, std::move(packet), wanted && kernel.hosts.contains(key.host), found->keep);
  auto open = kernel.queue.end(key);
  input_over(kernel, open->asked);
  interrupts_.ended(kernel, key, *open, interrupted);
  dispatch(kernel);
}

void Requests::cancel(Kernel& kernel, RequestKey key, const Failure& why) {
  const auto open = kernel.queue.end(key);
  delivery_.request_ended(kernel);
  if (open && open->reply != wire::Reply::nothing) sender_.fail(key, why);
}

void Requests::lost(Kernel& kernel, RequestKey key, std::uint64_t number, const Failure& why) {
  auto open = kernel.queue.end(key);
  if (open) input_over(kernel, open->asked);
  delivery_.request_ended(kernel);
  const bool wanted = open && open->reply != wire::Reply::nothing;
  if (number != 0 && delivery_.lost(kernel, number)) {
    // Its number is taken by what is said instead.
    record(kernel, key, wire::pack(key.id, why, number), wanted && kernel.hosts.contains(key.host));
  } else if (wanted) {
    sender_.fail(key, why);
  }
  dispatch(kernel);
}

void Requests::kernel_died(Kernel& kernel) {
  wire::EndedT ended;
  ended.death = std::make_unique<wire::DeathT>(wire::to_wire(*kernel.death));
  ended.successor = kernel.successor.value;
  delivery_.record_for(kernel, {}, wire::pack(RequestId{}, ended, wire::kNumberLater),
                       Delivery::To::log_only, false);
  Failure why = died(kernel);
  Ending ending{
      .kernel = kernel.id, .full = wire::pack(RequestId{1}, why, wire::kNumberLater), .brief = {}};
  std::string& tail = why.death.stderr_tail;
  if (tail.size() > kBriefTail) tail.erase(0, tail.size() - kBriefTail);
  ending.brief = wire::pack(RequestId{1}, why, wire::kNumberLater);
  delivery_.kernel_died(kernel);
  if (!end_some(kernel, ending)) endings_.push_back(std::move(ending));
}

bool Requests::end_some(Kernel& kernel, Ending& ending) {
  for (int i = 0; i < kEndedPerTurn; ++i) {
    auto next = kernel.queue.end_next();
    if (!next) {
      delivery_.all_said(kernel);
      return true;
    }
    auto& [key, open] = *next;
    input_over(kernel, open.asked);
    if (open.reply == wire::Reply::nothing) continue;
    const auto& like = ending.told++ < kFullTails ? ending.full : ending.brief;
    const bool here = kernel.hosts.contains(key.host);
    delivery_.record_for(kernel, key, with_id(like, key.id),
                         here ? Delivery::To::host : Delivery::To::log_only, open.keep);
  }
  return false;
}

bool Requests::end_some_of_left() {
  if (left_.empty()) return false;
  Kernel* kernel = kernels_.find(left_.front());
  left_.pop_front();
  if (kernel == nullptr || !kernel->queue.end_some_of_left(kSeenPerTurn)) return true;
  left_.push_back(kernel->id);
  delivery_.request_ended(*kernel);
  if (kernel->serving()) dispatch(*kernel);
  return true;
}

bool Requests::turn() {
  const bool any = end_some_of_left();
  if (endings_.empty()) return any;
  // Each in its turn: who waits for one death does not wait for all.
  Kernel* kernel = kernels_.find(endings_.front().kernel);
  const bool over = kernel == nullptr || end_some(*kernel, endings_.front());
  if (!over) endings_.push_back(std::move(endings_.front()));
  endings_.pop_front();
  return true;
}

void Requests::host_left(PeerId host) {
  kernels_.each([&](Kernel& kernel) {
    if (kernel.hosts.erase(host) == 0) return;
    kernel.queue.host_left(host);
    left_.push_back(kernel.id);
    sender_.data(peer_of(kernel.id), PeerId{}, host_left_message(host));
  });
  delivery_.host_left(host);
}

}  // namespace oast::broker
