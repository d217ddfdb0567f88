#include "request_queue.hpp"

#include <algorithm>
#include <utility>

namespace oast::broker {

RequestQueue::Accepted RequestQueue::accept(RequestKey key, wire::Reply reply, wire::Packet& packet,
                                            bool keep) {
  const std::size_t bytes = packet.bytes();
  // One that is larger than the limit still gets through, alone.
  if (bytes_ > 0 && bytes_ + bytes > max_bytes_) return Accepted::full;
  Open open{Stage::waiting, reply, 0, first_place_ + waiting_.size()};
  open.keep = keep;
  const auto [place, added] = open_.try_emplace(key, std::move(open));
  if (!added) return Accepted::duplicate;
  try {
    waiting_.push_back({key, {}});
  } catch (...) {
    open_.erase(place);
    throw;
  }
  waiting_.back().packet = std::move(packet);
  bytes_ += bytes;
  return Accepted::yes;
}

RequestQueue::Accepted RequestQueue::accept_direct(RequestKey key) {
  if (!open_.try_emplace(key, Open{Stage::direct, wire::Reply::value}).second)
    return Accepted::duplicate;
  direct_.insert(key);
  return Accepted::yes;
}

std::optional<RequestQueue::Dispatch> RequestQueue::dispatch() {
  while (!waiting_.empty() && (waiting_.front().cancelled || dispatched_count_ < window_)) {
    if (!waiting_.front().cancelled && dropped(waiting_.front().key)) break;  // about to be ended
    if (!waiting_.front().cancelled) dispatched_.emplace_back(waiting_.front().key);
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    ++first_place_;
    if (next.cancelled) {
      --cancelled_;
      continue;
    }
    bytes_ -= next.packet.bytes();
    ++dispatched_count_;
    Open& open = open_[next.key];
    open.stage = Stage::dispatched;
    open.sequence = first_sequence_ + dispatched_.size() - 1;
    return Dispatch{next.key, std::move(next.packet), open.sequence};
  }
  return std::nullopt;
}

const RequestQueue::Open* RequestQueue::find(RequestKey key) const {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second;
}

RequestQueue::Open* RequestQueue::find(RequestKey key) {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second;
}

std::optional<RequestQueue::Open> RequestQueue::end(RequestKey key) {
  const auto found = open_.find(key);
  if (found == open_.end()) return std::nullopt;
  Open open = std::move(found->second);
  open_.erase(found);
  if (open.stage == Stage::dispatched) forget_dispatched(open.sequence);
  if (open.stage == Stage::direct) direct_.erase(key);
  if (open.stage == Stage::waiting) forget_waiting(waiting_[open.place - first_place_]);
  return open;
}

void RequestQueue::forget_waiting(Waiting& place) {
  bytes_ -= place.packet.bytes();
  place.packet = {};
  place.cancelled = true;
  ++cancelled_;
}

void RequestQueue::forget_dispatched(std::uint64_t sequence) {
  dispatched_[sequence - first_sequence_].reset();
  --dispatched_count_;
  while (!dispatched_.empty() && !dispatched_.front()) {
    dispatched_.pop_front();
    ++first_sequence_;
  }
}

std::optional<std::pair<RequestKey, RequestQueue::Open>> RequestQueue::end_next() {
  while (!waiting_.empty() && waiting_.front().cancelled) {
    waiting_.pop_front();
    ++first_place_;
    --cancelled_;
  }
  if (open_.empty()) return std::nullopt;
  RequestKey key = open_.begin()->first;
  if (!dispatched_.empty())
    key = *dispatched_.front();
  else if (!waiting_.empty())
    key = waiting_.front().key;
  return std::pair(key, *end(key));
}

void RequestQueue::host_left(PeerId host) {
  left_.push_back({host, first_place_, first_place_ + waiting_.size()});
}

bool RequestQueue::dropped(RequestKey key) const {
  return std::ranges::any_of(left_, [&](const Left& left) { return left.host == key.host; }) &&
         open_.at(key).reply != wire::Reply::nothing && !open_.at(key).keep;
}

bool RequestQueue::end_some_of_left(std::size_t most) {
  if (left_.empty()) return false;
  Left& left = left_.front();
  std::size_t seen = 0;
  for (auto at = direct_.lower_bound({left.host, RequestId{}});
       seen < most && at != direct_.end() && at->host == left.host; ++seen) {
    open_.erase(*at);
    at = direct_.erase(at);
  }
  left.next = std::max(left.next, first_place_);
  for (; seen < most && left.next < left.end; ++seen, ++left.next) {
    Waiting& place = waiting_[left.next - first_place_];
    if (place.key.host != left.host || place.cancelled || !dropped(place.key)) continue;
    open_.erase(place.key);
    forget_waiting(place);
  }
  if (seen < most) left_.pop_front();
  return true;
}

std::optional<RequestKey> RequestQueue::running() const {
  return dispatched_.empty() ? std::nullopt : dispatched_.front();
}

std::optional<RequestKey> RequestQueue::by_sequence(std::uint64_t sequence) const {
  if (sequence < first_sequence_ || sequence - first_sequence_ >= dispatched_.size())
    return std::nullopt;
  return dispatched_[sequence - first_sequence_];
}

}  // namespace oast::broker
