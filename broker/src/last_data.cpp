#include "last_data.hpp"

#include <utility>
#include <vector>

namespace oast::broker {

void LastData::wait(PeerId peer, Done done) {
  if (ended_.contains(peer)) return;
  EventLoop::Handle deadline = finish_after(kOpen, peer);
  // Nothing may come that would make the loop look.
  loop_.post([] {});
  ended_.emplace(peer, Ended{std::move(done), false, std::move(deadline)});
}

EventLoop::Handle LastData::finish_after(std::chrono::milliseconds time, PeerId peer) {
  return loop_.after(time, [this, peer] { finish(peer); });
}

void LastData::probe() {
  for (auto& [peer, ended] : ended_) {
    if (ended.closed || sender_.probe_data(peer)) continue;
    ended.closed = true;
    ended.deadline = finish_after(kFlooded, peer);
  }
}

bool LastData::finish_closed() {
  std::vector<PeerId> closed;
  for (const auto& [peer, ended] : ended_)
    if (ended.closed) closed.push_back(peer);
  for (const PeerId peer : closed) finish(peer);
  return !closed.empty();
}

void LastData::finish(PeerId peer) {
  const auto found = ended_.find(peer);
  if (found == ended_.end()) return;
  skip(peer, [done = found->second.done, closed = found->second.closed] { done(closed); });
}

void LastData::skip(PeerId peer, const std::function<void()>& done) {
  ended_.erase(peer);
  const Peer* sender = peers_.find(peer);
  if (sender == nullptr) return done();
  verifier_.after_parked(data_, sender->data, done);
}

}  // namespace oast::broker
