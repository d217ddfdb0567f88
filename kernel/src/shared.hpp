// What the threads of a kernel share.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "bell.hpp"
#include "capture.hpp"
#include "channel_table.hpp"
#include "input_slot.hpp"
#include "intake.hpp"
#include "interrupt_gate.hpp"
#include "oast/shared_socket.hpp"
#include "outputs.hpp"

namespace oast::kernel {

/// Every part guards itself.
struct Shared {
  /// Made on the engine's thread. Takes over descriptors 1 and 2. `signal` interrupts the engine.
  explicit Shared(int signal);

  void send(PeerId to, wire::Packet packet) const { data->send(to, std::move(packet)); }
  void reply(Asker to, ChannelTable::Outcome outcome) const;
  void fail(Asker to, Failure failure) const;
  /// Makes every thread that waits in the kernel look at its condition again.
  void notify() {
    if (data) data->notify();
    bell.ring();
  }

  Capture capture;
  InterruptGate gate;
  Intake intake;
  ChannelTable channels;
  InputSlot input;
  Bell bell;
  Outputs outputs;
  /// Set before any other thread starts and before the first request; gone when all have ended.
  std::unique_ptr<wire::SharedSocket> data;
};

}  // namespace oast::kernel
