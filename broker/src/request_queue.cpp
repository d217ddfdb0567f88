#include "request_queue.hpp"

#include <algorithm>
#include <utility>

namespace oast::broker {

RequestQueue::Accepted RequestQueue::accept(RequestKey key, wire::Reply reply, wire::Packet& packet,
                                            std::uint32_t lane, bool keep) {
  const std::size_t bytes = packet.bytes();
  // One that is larger than the limit still gets through, alone.
  if (!room_for(bytes)) return Accepted::full;
  if (lanes_.size() >= kMostLanes && !lanes_.contains(lane)) return Accepted::crowded;
  const auto [place, added] = open_.try_emplace(key);
  if (!added) return Accepted::duplicate;
  try {
    Lane& its = lanes_[lane];
    Open& open = place->second;
    open.reply = reply;
    open.lane = lane;
    open.bytes = bytes;
    open.place = its.first_place + its.waiting.size();
    open.keep = keep;
    its.waiting.push_back({key, &open, {}});
    its.waiting.back().packet = std::move(packet);
  } catch (...) {
    open_.erase(place);
    drop_if_idle(lane);
    throw;
  }
  ++waiting_count_;
  bytes_ += bytes;
  return Accepted::yes;
}

RequestQueue::Accepted RequestQueue::accept_direct(RequestKey key, std::size_t bytes) {
  if (!room_for(bytes)) return Accepted::full;
  const auto [place, added] = open_.try_emplace(key);
  if (!added) return Accepted::duplicate;
  place->second.stage = Stage::direct;
  place->second.bytes = bytes;
  try {
    direct_.insert(key);
  } catch (...) {
    open_.erase(place);
    throw;
  }
  bytes_ += bytes;
  return Accepted::yes;
}

std::optional<RequestQueue::Dispatch> RequestQueue::dispatch() {
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    if (auto next = dispatch_of(lane->second)) return next;
    lane = lane->first != 0 && lane->second.idle() ? lanes_.erase(lane) : std::next(lane);
  }
  return std::nullopt;
}

std::optional<RequestQueue::Dispatch> RequestQueue::dispatch_of(Lane& lane) {
  drop_cancelled(lane);
  if (lane.waiting.empty() || lane.dispatched.size() >= window_) return std::nullopt;
  if (dropped(lane.waiting.front().key)) return std::nullopt;  // about to be ended
  const std::uint64_t sequence = last_sequence_ + 1;
  const RequestKey key = lane.waiting.front().key;
  Open& open = *lane.waiting.front().open;
  lane.dispatched.push_back({sequence, key});
  ++dispatched_count_;
  last_sequence_ = sequence;
  Dispatch next{key, std::move(lane.waiting.front().packet), sequence};
  lane.waiting.pop_front();
  ++lane.first_place;
  --waiting_count_;
  open.stage = Stage::dispatched;
  open.sequence = sequence;
  return next;
}

void RequestQueue::drop_cancelled(Lane& lane) {
  while (!lane.waiting.empty() && lane.waiting.front().open == nullptr) {
    lane.waiting.pop_front();
    ++lane.first_place;
  }
}

/// Its next use may count places from 0 again: of its last nothing is open. Lane 0, which nearly
/// all use, stays.
void RequestQueue::drop_if_idle(std::uint32_t lane) {
  if (lane == 0) return;
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  drop_cancelled(found->second);
  if (found->second.idle()) lanes_.erase(found);
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
  bytes_ -= open.bytes;
  if (open.stage == Stage::direct) {
    direct_.erase(key);
    return open;
  }
  Lane& lane = lanes_.at(open.lane);
  if (open.stage == Stage::dispatched) {
    lane.dispatched.erase(find_dispatched(lane, open.sequence));
    --dispatched_count_;
  } else {
    mark_cancelled(lane.waiting[open.place - lane.first_place]);
  }
  drop_if_idle(open.lane);
  return open;
}

void RequestQueue::mark_cancelled(Waiting& place) {
  place.packet = {};
  place.open = nullptr;
  --waiting_count_;
}

/// Where it is, or would be.
std::deque<RequestQueue::Dispatched>::iterator RequestQueue::find_dispatched(
    Lane& lane, std::uint64_t sequence) {
  // Most kernels answer in order.
  if (!lane.dispatched.empty() && lane.dispatched.front().sequence == sequence)
    return lane.dispatched.begin();
  return std::ranges::lower_bound(lane.dispatched, sequence, {}, &Dispatched::sequence);
}

std::optional<RequestKey> RequestQueue::oldest_dispatched() const {
  const Dispatched* oldest = nullptr;
  for (const auto& [number, lane] : lanes_)
    if (!lane.dispatched.empty() &&
        (oldest == nullptr || lane.dispatched.front().sequence < oldest->sequence))
      oldest = &lane.dispatched.front();
  return oldest == nullptr ? std::nullopt : std::optional(oldest->key);
}

std::optional<std::pair<RequestKey, RequestQueue::Open>> RequestQueue::end_next() {
  if (open_.empty()) return std::nullopt;
  RequestKey key = open_.begin()->first;
  if (const auto oldest = oldest_dispatched()) {
    key = *oldest;
  } else {
    for (auto& [number, lane] : lanes_) {
      drop_cancelled(lane);
      if (lane.waiting.empty()) continue;
      key = lane.waiting.front().key;
      break;
    }
  }
  return std::pair(key, *end(key));
}

void RequestQueue::host_left(PeerId host) {
  if (lanes_.empty()) left_.push_back({host, 0, 0, 0});
  for (const auto& [number, lane] : lanes_)
    left_.push_back({host, number, lane.first_place, lane.first_place + lane.waiting.size()});
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
       seen < most && at != direct_.end() && at->host == left.host; ++seen)
    end(*at++);
  const auto lane = lanes_.find(left.lane);
  if (lane != lanes_.end()) {
    auto& waiting = lane->second.waiting;
    left.next = std::max(left.next, lane->second.first_place);
    left.end = std::min(left.end, lane->second.first_place + waiting.size());
    for (; seen < most && left.next < left.end; ++seen, ++left.next) {
      const Waiting& place = waiting[left.next - lane->second.first_place];
      if (place.key.host != left.host || place.open == nullptr || !dropped(place.key)) continue;
      bytes_ -= open_.at(place.key).bytes;
      open_.erase(place.key);
      mark_cancelled(waiting[left.next - lane->second.first_place]);
    }
  }
  if (seen < most) {
    const std::uint32_t number = left.lane;
    left_.pop_front();
    drop_if_idle(number);
  }
  return true;
}

std::optional<RequestKey> RequestQueue::running() const {
  const auto first = lanes_.find(0);
  if (first != lanes_.end() && !first->second.dispatched.empty())
    return first->second.dispatched.front().key;
  return oldest_dispatched();
}

std::optional<RequestKey> RequestQueue::by_sequence(std::uint64_t sequence) const {
  for (const auto& [number, lane] : lanes_) {
    const auto found =
        std::ranges::lower_bound(lane.dispatched, sequence, {}, &Dispatched::sequence);
    if (found != lane.dispatched.end() && found->sequence == sequence) return found->key;
  }
  return std::nullopt;
}

}  // namespace oast::broker
