#include "local_channels.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace oast::detail {

namespace {

Failure not_found(const std::string& message) {
  return {FailureKind::not_found, message, {}, {}, {}};
}

Failure closed() { return not_found("the channel is closed"); }

Failure unknown(ChannelId id) { return not_found("no channel " + std::to_string(id.value)); }

}  // namespace

ChannelId LocalChannels::make(std::size_t capacity) {
  const std::lock_guard lock(mutex_);
  const ChannelId id{++last_id_};
  channels_[id].capacity = std::max<std::size_t>(capacity, 1);
  return id;
}

std::optional<Failure> LocalChannels::refuse(ChannelId id) const {
  if (ended_) return ended_;
  if (!channels_.contains(id)) return unknown(id);
  return std::nullopt;
}

LocalChannels::Ticket LocalChannels::put(ChannelId channel, Value value, Answer answer) {
  Dues dues;
  std::unique_lock lock(mutex_);
  const Ticket ticket = ++last_ticket_;
  auto refusal = refuse(channel);
  if (!refusal && channels_[channel].closed) refusal = closed();
  if (refusal) {
    dues.push_back({std::move(answer), {{}, std::move(refusal)}});
  } else {
    channels_[channel].putters.push_back({ticket, std::move(value), std::move(answer)});
    settle(channels_[channel], dues);
  }
  lock.unlock();
  run(dues);
  return ticket;
}

void LocalChannels::put_back(ChannelId channel, Value value, const Answer& answer) {
  Dues dues;
  {
    const std::lock_guard lock(mutex_);
    if (auto refusal = refuse(channel)) {
      dues.push_back({answer, {{}, std::move(refusal)}});
    } else {
      channels_[channel].held.push_front(std::move(value));
      dues.push_back({answer, {}});
      settle(channels_[channel], dues);
    }
  }
  run(dues);
}

LocalChannels::Ticket LocalChannels::take(ChannelId channel, Answer answer) {
  Dues dues;
  std::unique_lock lock(mutex_);
  const Ticket ticket = ++last_ticket_;
  if (auto refusal = refuse(channel)) {
    dues.push_back({std::move(answer), {{}, std::move(refusal)}});
  } else {
    channels_[channel].takers.push_back({ticket, {}, std::move(answer)});
    settle(channels_[channel], dues);
  }
  lock.unlock();
  run(dues);
  return ticket;
}

void LocalChannels::settle(Channel& channel, Dues& dues) {
  for (bool moved = true; moved;) {
    moved = false;
    while (!channel.putters.empty() && channel.held.size() < channel.capacity) {
      channel.held.push_back(std::move(channel.putters.front().value));
      dues.push_back({std::move(channel.putters.front().answer), {}});
      channel.putters.pop_front();
      moved = true;
    }
    while (!channel.takers.empty() && !channel.held.empty()) {
      dues.push_back({std::move(channel.takers.front().answer),
                      {std::move(channel.held.front()), std::nullopt}});
      channel.takers.pop_front();
      channel.held.pop_front();
      moved = true;
    }
  }
  if (!channel.closed) return;
  for (auto& taker : channel.takers) dues.push_back({std::move(taker.answer), {{}, closed()}});
  channel.takers.clear();
}

bool LocalChannels::ready(ChannelId channel) const {
  const std::lock_guard lock(mutex_);
  if (auto refusal = refuse(channel)) raise(std::move(*refusal));
  const Channel& found = channels_.at(channel);
  if (found.closed && found.held.empty()) raise(closed());
  return !found.held.empty();
}

void LocalChannels::close(ChannelId channel) {
  Dues dues;
  {
    const std::lock_guard lock(mutex_);
    if (auto refusal = refuse(channel)) raise(std::move(*refusal));
    Channel& found = channels_[channel];
    found.closed = true;
    for (auto& putter : found.putters) dues.push_back({std::move(putter.answer), {{}, closed()}});
    found.putters.clear();
    settle(found, dues);
  }
  run(dues);
}

bool LocalChannels::cancel(Ticket ticket, const Failure& failure) {
  Dues dues;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, channel] : channels_) {
      for (auto* queue : {&channel.putters, &channel.takers}) {
        const auto at = std::find_if(queue->begin(), queue->end(),
                                     [&](const Waiting& w) { return w.ticket == ticket; });
        if (at == queue->end()) continue;
        dues.push_back({std::move(at->answer), {{}, failure}});
        queue->erase(at);
      }
    }
  }
  run(dues);
  return !dues.empty();
}

void LocalChannels::end(const Failure& failure) {
  Dues dues;
  {
    const std::lock_guard lock(mutex_);
    ended_ = failure;
    for (auto& [id, channel] : channels_) {
      for (auto* queue : {&channel.putters, &channel.takers})
        for (auto& waiting : *queue) dues.push_back({std::move(waiting.answer), {{}, failure}});
    }
    channels_.clear();
  }
  run(dues);
}

void LocalChannels::run(Dues& dues) {
  for (auto& due : dues) due.answer(std::move(due.outcome));
}

}  // namespace oast::detail
