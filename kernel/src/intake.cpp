#include "intake.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace oast::kernel {

namespace {

/// Requests that a broker does not count may come without end.
constexpr std::size_t kMostWaiting = 65536;

bool is_query(wire::Body body) { return body != wire::Body::Eval && body != wire::Body::Call; }

}  // namespace

Intake::Taken Intake::push(wire::Addressed&& message) {
  Request request{std::move(message)};
  const bool query = has_queries_ && is_query(request.message.packet.root().body_type());
  const bool others = query || request.lane() != 0;
  Taken taken = Taken::queued;
  {
    const std::lock_guard lock(mutex_);
    taken = push_locked(std::move(request), query);
  }
  if (others && taken == Taken::queued) waiters_.notify_all();
  return taken;
}

Intake::Taken Intake::push_locked(Request&& request, bool query) {
  if (cancelled_before(request.sequence())) return Taken::cancelled;
  if (queue_.size() + queries_.size() + lanes_.size() >= kMostWaiting) return Taken::overloaded;
  if (request.lane() == 0)
    (query ? queries_ : queue_).push(std::move(request), received_);
  else if (has_lanes_)
    lanes_.push(std::move(request));
  else
    return Taken::no_such_lane;
  note_waiting();
  return Taken::queued;
}

void Intake::refuse(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  cancelled_before(sequence);
}

/// To be called with the mutex held when a request came.
bool Intake::cancelled_before(std::uint64_t sequence) {
  received_ = std::max(received_, sequence);
  return !cancelled_.empty() && cancelled_.erase(sequence) > 0;
}

std::optional<Request> Intake::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || closed_) return std::nullopt;
  std::optional<Request> request(queue_.pop());
  note_waiting();
  // Under the mutex: who looks for it finds it either in the queue or at the gate.
  gate_.begin(request->sequence(), request->key());
  return request;
}

std::optional<Request> Intake::next_query() {
  const std::lock_guard lock(mutex_);
  if (queries_.empty() || closed_) return std::nullopt;
  std::optional<Request> request(queries_.pop());
  note_waiting();
  return request;
}

std::optional<Lanes::Begun> Intake::next_of_lanes() {
  const std::lock_guard lock(mutex_);
  if (closed_) return std::nullopt;
  auto begun = lanes_.next();
  note_waiting();
  return begun;
}

bool Intake::take_interrupted() {
  const std::lock_guard lock(mutex_);
  const bool interrupted = lanes_.take_interrupted();
  note_waiting();
  return interrupted;
}

void Intake::end(LaneRun& run) {
  {
    const std::lock_guard lock(mutex_);
    lanes_.end(run);
    note_waiting();
  }
  if (lanes_eventful_) waiters_.notify_all();
}

std::size_t Intake::size() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + queries_.size() + lanes_.size();
}

int Intake::fd() {
  const std::lock_guard lock(mutex_);
  if (fd_.get() >= 0) return fd_.get();
  fd_ = Fd(::eventfd(waiting_ ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (fd_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd_.get();
}

/// To be called with the mutex held whenever a queue or `closed_` has changed.
void Intake::note_waiting() {
  query_waiting_ = !queries_.empty() || closed_;
  lanes_eventful_ = lanes_.eventful() || closed_;
  const bool now = !queue_.empty() || closed_;
  if (waiting_.exchange(now) == now || fd_.get() < 0) return;
  eventfd_t ignored = 0;
  if (now)
    ::eventfd_write(fd_.get(), 1);
  else
    ::eventfd_read(fd_.get(), &ignored);
}

Intake::Stopped Intake::stop(std::uint64_t sequence, std::uint64_t last) {
  using State = wire::BreakState;
  const std::lock_guard lock(mutex_);
  if (sequence == 0) {
    if (const auto hit = gate_.interrupt_any(last)) return {State::signalled, hit->sequence};
    const auto in_lane = lanes_.interrupt_any(last);
    note_waiting();
    return in_lane ? Stopped{State::signalled, *in_lane} : Stopped{State::nothing, 0};
  }
  if (gate_.interrupt(sequence)) return {State::signalled, sequence};
  if (lanes_.interrupt(sequence)) return note_waiting(), Stopped{State::signalled, sequence};
  if (auto found = take_out(sequence)) return *found;
  if (const auto key = lanes_.take_out(sequence)) {
    note_waiting();
    return {State::cancelled, sequence, key};
  }
  if (sequence <= received_) return {State::finished, sequence};
  cancelled_.insert(sequence);
  return {State::cancelled, sequence};
}

Intake::Stopped Intake::stop(RequestKey key) {
  using State = wire::BreakState;
  const std::lock_guard lock(mutex_);
  if (const auto hit = gate_.interrupt(key)) return {State::signalled, hit->sequence};
  if (auto found = take_out(key)) return *found;
  return {State::finished, 0};
}

template <class Key>
std::optional<Intake::Stopped> Intake::take_out(const Key& key) {
  auto found = queue_.take_out(key);
  if (!found) found = queries_.take_out(key);
  if (found) note_waiting();
  return found;
}

void Intake::Waiting::push(Request&& request, std::uint64_t received) {
  if (request.sequence() == 0) {
    const RequestKey key = request.key();
    uncounted_.insert_or_assign({key.host.value, key.id.value}, first_ + places_.size());
  }
  places_.push_back({std::move(request), received});
  ++size_;
}

Request Intake::Waiting::pop() {
  Request request = std::move(*places_.front().request);
  note_gone(request);
  places_.front().request.reset();
  drop_gaps();
  return request;
}

std::optional<Intake::Stopped> Intake::Waiting::take_out(std::uint64_t sequence) {
  // The first place by which so many had come is the one of that number.
  const auto place = std::ranges::lower_bound(places_, sequence, {}, &Place::received);
  if (place == places_.end() || !place->request || place->request->sequence() != sequence)
    return std::nullopt;
  return take_out(*place);
}

std::optional<Intake::Stopped> Intake::Waiting::take_out(const RequestKey& key) {
  const auto found = uncounted_.find({key.host.value, key.id.value});
  if (found == uncounted_.end()) return std::nullopt;
  return take_out(places_[found->second - first_]);
}

std::optional<Intake::Stopped> Intake::Waiting::take_out(Place& place) {
  const Stopped result{wire::BreakState::cancelled, place.request->sequence(),
                       place.request->key()};
  note_gone(*place.request);
  place.request.reset();
  drop_gaps();
  return result;
}

void Intake::Waiting::note_gone(const Request& request) {
  --size_;
  const RequestKey key = request.key();
  if (request.sequence() == 0) uncounted_.erase({key.host.value, key.id.value});
}

/// The first place is never one that was taken out.
void Intake::Waiting::drop_gaps() {
  while (!places_.empty() && !places_.front().request) {
    places_.pop_front();
    ++first_;
  }
}

void Intake::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    lanes_.interrupt_all();
    note_waiting();
    gate_.interrupt_any(kAny);
  }
  waiters_.notify_all();
}

}  // namespace oast::kernel
