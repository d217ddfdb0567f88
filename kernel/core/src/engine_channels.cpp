#include "oast/kernel/engine_channels.hpp"

#include <memory>
#include <thread>
#include <utility>

#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// Kept alive by whom completes it, too.
struct EngineChannels::Operation {
  ChannelTable::Outcome outcome;     // before `done`
  std::atomic<bool> waited = false;  // a thread waits rather than looks
  std::atomic<bool> done = false;
};

template <class Start>
ChannelTable::Outcome EngineChannels::operate(const Start& start) {
  // No host is peer 0, so the pair is the engine's own.
  const RequestKey self{PeerId{}, RequestId{++operations_}};
  const auto operation = std::make_shared<Operation>();
  start(self, [operation, notify = wait_.notify](ChannelTable::Outcome outcome) {
    operation->outcome = std::move(outcome);
    operation->done = true;
    if (operation->waited) notify();
  });
  if (!operation->done) {
    operation->waited = true;
    wait_.wait([&] { return operation->done || wait_.stopped(); });
    if (!operation->done && channels_.cancel(self)) throw Interrupted{};
    // Not parked any more: another thread is completing it right now.
    while (!operation->done) std::this_thread::yield();
  }
  return std::move(operation->outcome);
}

void EngineChannels::put(ChannelId channel, Value value) {
  ChannelTable::check(operate([&](RequestKey self, ChannelTable::Done done) {
    channels_.put(channel, self, std::move(value), std::move(done));
  }));
}

std::optional<Value> EngineChannels::take(ChannelId channel) {
  return channels_.taken(channel, operate([&](RequestKey self, ChannelTable::Done done) {
                           channels_.take(channel, self, std::move(done));
                         }));
}

}  // namespace oast::kernel
