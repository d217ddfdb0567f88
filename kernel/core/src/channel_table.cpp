#include "oast/kernel/channel_table.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "oast/kernel/engine_failure.hpp"

namespace oast::kernel {

namespace {

/// Operations that may be parked at one side of one channel.
constexpr std::size_t kMostParked = 65536;

Failure crowded() {
  return make_failure(FailureKind::overloaded, "too many operations wait for this channel");
}

}  // namespace

Failure ChannelTable::unknown(ChannelId id) const {
  if (ended_) return *ended_;
  return make_failure(FailureKind::not_found,
                      "channel " + std::to_string(id.value) + " is closed or never was");
}

void ChannelTable::end(const Failure& failure) {
  Completions completed;
  {
    const std::lock_guard lock(mutex_);
    ended_ = failure;
    for (auto& [id, channel] : channels_)
      for (auto* side : {&channel.putters, &channel.takers})
        for (Parked& parked : *side) completed.push_back({std::move(parked.done), failure});
    channels_.clear();
  }
  finish(std::move(completed));
}

ChannelId ChannelTable::make(std::size_t capacity) {
  const std::lock_guard lock(mutex_);
  const ChannelId id{++made_};
  if (!ended_) channels_[id].capacity = std::max<std::size_t>(capacity, 1);
  return id;
}

void ChannelTable::put(ChannelId id, RequestKey key, Value value, Done done) {
  Completions completed;
  {
    const std::lock_guard lock(mutex_);
    put_locked(id, {key, std::move(value), std::move(done)}, completed);
  }
  finish(std::move(completed));
}

void ChannelTable::put_locked(ChannelId id, Parked putter, Completions& completed) {
  const auto found = channels_.find(id);
  if (found == channels_.end() || found->second.closed) {
    completed.push_back({std::move(putter.done), unknown(id)});
    return;
  }
  Channel& channel = found->second;
  if (!channel.takers.empty()) {
    completed.push_back({std::move(channel.takers.front().done), std::move(putter.value)});
    channel.takers.pop_front();
    completed.push_back({std::move(putter.done), Value{}});
  } else if (channel.values.size() < channel.capacity) {
    channel.values.push_back(std::move(putter.value));
    completed.push_back({std::move(putter.done), Value{}});
  } else if (channel.putters.size() < kMostParked) {
    channel.putters.push_back(std::move(putter));
  } else {
    completed.push_back({std::move(putter.done), crowded()});
  }
}

void ChannelTable::put_back(ChannelId id, Value value, Done done) {
  Completions completed;
  {
    const std::lock_guard lock(mutex_);
    if (!id || id.value > made_ || ended_) {
      completed.push_back({std::move(done), unknown(id)});
    } else {
      // One that is forgotten was closed, and is again as it was before the take.
      const auto [found, forgotten] = channels_.try_emplace(id);
      Channel& channel = found->second;
      if (forgotten) channel.closed = true;
      if (channel.takers.empty()) {
        channel.values.push_front(std::move(value));
      } else {
        completed.push_back({std::move(channel.takers.front().done), std::move(value)});
        channel.takers.pop_front();
      }
      completed.push_back({std::move(done), Value{}});
    }
  }
  finish(std::move(completed));
}

void ChannelTable::take(ChannelId id, RequestKey key, Done done) {
  Completions completed;
  {
    const std::lock_guard lock(mutex_);
    take_locked(id, {key, {}, std::move(done)}, completed);
  }
  finish(std::move(completed));
}

void ChannelTable::take_locked(ChannelId id, Parked taker, Completions& completed) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) {
    completed.push_back({std::move(taker.done), unknown(id)});
    return;
  }
  Channel& channel = found->second;
  if (channel.values.empty()) {
    if (channel.takers.size() < kMostParked)
      channel.takers.push_back(std::move(taker));
    else
      completed.push_back({std::move(taker.done), crowded()});
    return;
  }
  completed.push_back({std::move(taker.done), std::move(channel.values.front())});
  channel.values.pop_front();
  if (!channel.putters.empty() && channel.values.size() < channel.capacity) {
    channel.values.push_back(std::move(channel.putters.front().value));
    completed.push_back({std::move(channel.putters.front().done), Value{}});
    channel.putters.pop_front();
  }
  if (channel.closed && channel.values.empty()) channels_.erase(found);
}

ChannelTable::Outcome ChannelTable::ready(ChannelId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(id);
  if (found == channels_.end()) return unknown(id);
  return Value(!found->second.values.empty());
}

ChannelTable::Outcome ChannelTable::close(ChannelId id) {
  Completions completed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(id);
    if (found == channels_.end()) return unknown(id);
    Channel& channel = found->second;
    channel.closed = true;
    for (auto* side : {&channel.putters, &channel.takers}) {
      for (Parked& parked : *side) completed.push_back({std::move(parked.done), unknown(id)});
      side->clear();
    }
    if (channel.values.empty()) channels_.erase(found);
  }
  finish(std::move(completed));
  return Value{};
}

bool ChannelTable::cancel(RequestKey key) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, channel] : channels_)
    for (auto* side : {&channel.putters, &channel.takers})
      if (std::erase_if(*side, [&](const Parked& parked) { return parked.key == key; }) > 0)
        return true;
  return false;
}

void ChannelTable::cancel_all(PeerId host) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, channel] : channels_)
    for (auto* side : {&channel.putters, &channel.takers})
      std::erase_if(*side, [&](const Parked& parked) { return parked.key.host == host; });
}

bool ChannelTable::existed(ChannelId id) const {
  const std::lock_guard lock(mutex_);
  return id && id.value <= made_;
}

void ChannelTable::check(Outcome outcome) {
  if (auto* failure = std::get_if<Failure>(&outcome)) raise(std::move(*failure));
}

std::optional<Value> ChannelTable::taken(ChannelId id, Outcome outcome) const {
  auto* failure = std::get_if<Failure>(&outcome);
  if (failure == nullptr) return std::get<Value>(std::move(outcome));
  if (failure->kind == FailureKind::not_found && existed(id)) return std::nullopt;
  raise(std::move(*failure));
}

bool ChannelTable::has_value(ChannelId id) const {
  const auto outcome = ready(id);
  const auto* value = std::get_if<Value>(&outcome);
  if (value == nullptr && !existed(id)) raise(std::get<Failure>(outcome));
  return value != nullptr && *value == Value(true);
}

void ChannelTable::close_once(ChannelId id) {
  auto outcome = close(id);
  auto* failure = std::get_if<Failure>(&outcome);
  // Closing twice is no mistake.
  if (failure != nullptr && !existed(id)) raise(std::move(*failure));
}

void ChannelTable::finish(Completions completed) {
  for (Completion& completion : completed) completion.done(std::move(completion.outcome));
}

}  // namespace oast::kernel
