// Channels as an engine sees them.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "oast/ids.hpp"
#include "oast/kernel/channel_table.hpp"
#include "oast/kernel/engine_wait.hpp"
#include "oast/value.hpp"

namespace oast::kernel {

/// Puts and takes that block the code which asks for them, as Services has it.
class EngineChannels {
 public:
  /// Both outlive this.
  EngineChannels(ChannelTable& channels, const EngineWait& wait)
      : channels_(channels), wait_(wait) {}

  /// Blocks while the channel is full. Throws Error(not_found) when closed, Interrupted.
  void put(ChannelId channel, Value value);
  /// Blocks while the channel is empty; nothing when it is closed and empty. Throws Interrupted.
  std::optional<Value> take(ChannelId channel);

 private:
  struct Operation;
  /// Starts the operation with what it gets, and waits for its outcome.
  template <class Start>
  ChannelTable::Outcome operate(const Start& start);

  ChannelTable& channels_;
  const EngineWait& wait_;
  std::atomic<std::uint64_t> operations_ = 0;
};

}  // namespace oast::kernel
