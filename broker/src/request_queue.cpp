#include "request_queue.hpp"

#include <algorithm>
#include <utility>

namespace oast::broker {

RequestQueue::Accepted RequestQueue::accept(RequestKey key, wire::Reply reply,
                                            wire::Packet& packet) {
  const std::size_t bytes = packet.bytes();
  // One that is larger than the limit still gets through, alone.
  if (bytes_ > 0 && bytes_ + bytes > max_bytes_) return Accepted::full;
  if (!open_.try_emplace(key, Open{Stage::waiting, reply, 0}).second) return Accepted::duplicate;
  bytes_ += bytes;
  waiting_.push_back({key, std::move(packet)});
  return Accepted::yes;
}

RequestQueue::Accepted RequestQueue::accept_direct(RequestKey key) {
  const Open open{Stage::direct, wire::Reply::value, 0};
  return open_.try_emplace(key, open).second ? Accepted::yes : Accepted::duplicate;
}

std::optional<RequestQueue::Dispatch> RequestQueue::dispatch() {
  while (!waiting_.empty() && (waiting_.front().cancelled || dispatched_count_ < window_)) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next.cancelled) {
      --cancelled_;
      continue;
    }
    bytes_ -= next.packet.bytes();
    dispatched_.emplace_back(next.key);
    ++dispatched_count_;
    Open& open = open_[next.key];
    open.stage = Stage::dispatched;
    open.sequence = first_sequence_ + dispatched_.size() - 1;
    return Dispatch{next.key, std::move(next.packet)};
  }
  return std::nullopt;
}

const RequestQueue::Open* RequestQueue::find(RequestKey key) const {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second;
}

std::optional<RequestQueue::Open> RequestQueue::end(RequestKey key) {
  const auto found = open_.find(key);
  if (found == open_.end()) return std::nullopt;
  const Open open = found->second;
  open_.erase(found);
  if (open.stage == Stage::dispatched) forget_dispatched(open.sequence);
  if (open.stage == Stage::waiting) {
    const auto place = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& w) { return w.key == key && !w.cancelled; });
    bytes_ -= place->packet.bytes();
    place->packet = {};
    place->cancelled = true;
    ++cancelled_;
  }
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

std::vector<std::pair<RequestKey, RequestQueue::Open>> RequestQueue::end_all() {
  std::vector<std::pair<RequestKey, Open>> all(open_.begin(), open_.end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  open_.clear();
  waiting_.clear();
  first_sequence_ += dispatched_.size();
  dispatched_.clear();
  cancelled_ = bytes_ = dispatched_count_ = 0;
  return all;
}

std::vector<RequestKey> RequestQueue::end_undispatched(PeerId host) {
  std::vector<RequestKey> keys;
  for (const auto& [key, open] : open_)
    if (key.host == host && open.stage != Stage::dispatched && open.reply != wire::Reply::nothing)
      keys.push_back(key);
  for (const auto& key : keys) open_.erase(key);
  // One pass, for there may be many.
  for (auto& place : waiting_)
    if (place.key.host == host && !place.cancelled && !open_.contains(place.key))
      forget_waiting(place);
  return keys;
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
