#include "lanes.hpp"

#include <algorithm>
#include <utility>

namespace oast::kernel {

void Lanes::push(Request&& request) {
  lanes_[request.lane()].waiting.push_back(std::move(request));
  ++waiting_;
  note_ready();
}

void Lanes::note_ready() {
  ready_ = std::ranges::any_of(lanes_, [](const auto& entry) {
    return !entry.second.running && !entry.second.waiting.empty();
  });
}

std::optional<Lanes::Begun> Lanes::next() {
  Lane* first = nullptr;
  for (auto& [number, lane] : lanes_)
    if (!lane.running && !lane.waiting.empty() &&
        (first == nullptr || lane.waiting.front().sequence() < first->waiting.front().sequence()))
      first = &lane;
  if (first == nullptr) return std::nullopt;
  Begun begun{std::move(first->waiting.front()), nullptr};
  begun.run = std::make_shared<LaneRun>(begun.request.lane(), begun.request.sequence());
  first->waiting.pop_front();
  first->running = begun.run;
  --waiting_;
  note_ready();
  return begun;
}

void Lanes::end(LaneRun& run) {
  run.end();
  const auto found = lanes_.find(run.lane());
  if (found == lanes_.end() || found->second.running.get() != &run) return;
  found->second.running.reset();
  if (found->second.waiting.empty()) lanes_.erase(found);
  note_ready();
}

void Lanes::interrupt(LaneRun& run) {
  run.interrupt();
  interrupted_ = true;
}

bool Lanes::interrupt(std::uint64_t sequence) {
  for (const auto& [number, lane] : lanes_)
    if (lane.running && !lane.running->ended() && lane.running->sequence() == sequence)
      return interrupt(*lane.running), true;
  return false;
}

std::optional<std::uint64_t> Lanes::interrupt_any(std::uint64_t last) {
  std::shared_ptr<LaneRun> first;
  for (const auto& [number, lane] : lanes_)
    if (lane.running && !lane.running->ended() &&
        (!first || lane.running->sequence() < first->sequence()))
      first = lane.running;
  if (!first || first->sequence() > last) return std::nullopt;
  interrupt(*first);
  return first->sequence();
}

void Lanes::interrupt_all() {
  for (const auto& [number, lane] : lanes_)
    if (lane.running) interrupt(*lane.running);
}

std::optional<RequestKey> Lanes::take_out(std::uint64_t sequence) {
  for (auto& [number, lane] : lanes_) {
    const auto found = std::ranges::find(lane.waiting, sequence, &Request::sequence);
    if (found == lane.waiting.end()) continue;
    const RequestKey key = found->key();
    lane.waiting.erase(found);
    --waiting_;
    if (lane.waiting.empty() && !lane.running) lanes_.erase(number);
    note_ready();
    return key;
  }
  return std::nullopt;
}

}  // namespace oast::kernel
