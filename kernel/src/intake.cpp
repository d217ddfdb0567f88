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
  const bool query = bell_ != nullptr && is_query(message.packet.root().body_type());
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_before(message.sequence)) return Taken::cancelled;
    auto& queue = query ? queries_ : queue_;
    if (queue.size() >= kMostWaiting) return Taken::overloaded;
    queue.push_back({std::move(message)});
    note_waiting();
  }
  if (query) bell_->ring();
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
  std::optional<Request> request(std::move(queue_.front()));
  queue_.pop_front();
  note_waiting();
  // Under the mutex: who looks for it finds it either in the queue or at the gate.
  gate_.begin(request->sequence(), request->asker());
  return request;
}

std::optional<Request> Intake::next_query() {
  const std::lock_guard lock(mutex_);
  if (queries_.empty() || closed_) return std::nullopt;
  std::optional<Request> request(std::move(queries_.front()));
  queries_.pop_front();
  note_waiting();
  return request;
}

std::size_t Intake::size() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + queries_.size();
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
  const bool now = !queue_.empty() || closed_;
  if (waiting_.exchange(now) == now || fd_.get() < 0) return;
  eventfd_t ignored = 0;
  if (now)
    ::eventfd_write(fd_.get(), 1);
  else
    ::eventfd_read(fd_.get(), &ignored);
}

Intake::Stopped Intake::stop(std::uint64_t sequence) {
  using State = wire::BreakState;
  const std::lock_guard lock(mutex_);
  if (sequence == 0) {
    const auto hit = gate_.interrupt_any();
    return hit ? Stopped{State::signalled, hit->sequence} : Stopped{State::nothing, 0};
  }
  if (gate_.interrupt(sequence)) return {State::signalled, sequence};
  if (auto found = take_out([&](const Request& r) { return r.sequence() == sequence; }))
    return *found;
  if (sequence <= received_) return {State::finished, sequence};
  cancelled_.insert(sequence);
  return {State::cancelled, sequence};
}

Intake::Stopped Intake::stop(Asker asker) {
  using State = wire::BreakState;
  const std::lock_guard lock(mutex_);
  if (const auto hit = gate_.interrupt(asker)) return {State::signalled, hit->sequence};
  if (auto found = take_out([&](const Request& r) { return r.asker() == asker; })) return *found;
  return {State::finished, 0};
}

template <class Matches>
std::optional<Intake::Stopped> Intake::take_out(const Matches& matches) {
  auto found = take_out(queue_, matches);
  if (!found) found = take_out(queries_, matches);
  if (found) note_waiting();
  return found;
}

template <class Matches>
std::optional<Intake::Stopped> Intake::take_out(std::deque<Request>& queue,
                                                const Matches& matches) {
  const auto found = std::find_if(queue.begin(), queue.end(), matches);
  if (found == queue.end()) return std::nullopt;
  const Stopped result{wire::BreakState::cancelled, found->sequence(), found->asker()};
  queue.erase(found);
  return result;
}

void Intake::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    note_waiting();
    gate_.interrupt_any();
  }
  if (bell_ != nullptr) bell_->ring();
}

}  // namespace oast::kernel
