// What the threads of a kernel share.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "capture.hpp"
#include "intake.hpp"
#include "oast/kernel/channel_table.hpp"
#include "oast/kernel/input_slot.hpp"
#include "oast/kernel/interrupt_gate.hpp"
#include "oast/kernel/wait_queue.hpp"
#include "oast/shared_socket.hpp"
#include "outbox.hpp"
#include "outputs.hpp"

namespace oast::kernel {

/// Every part guards itself.
struct Shared {
  /// Made on the engine's thread. Takes over descriptors 1 and 2. `signal` interrupts the engine.
  explicit Shared(int signal);

  /// On whatever thread: neither waits for room.
  void reply(RequestKey to, ChannelTable::Outcome outcome);
  void fail(RequestKey to, Failure failure);
  /// Makes every thread that waits in the kernel look at its condition again.
  void notify() {
    if (data) data->notify();
    waiters.notify_all();
  }

  Capture capture;
  InterruptGate gate;
  WaitQueue waiters;
  Intake intake;
  ChannelTable channels;
  InputSlot input;
  Outbox outbox;
  Outputs outputs;
  /// Set before any other thread starts and before the first request; gone when all have ended.
  std::unique_ptr<wire::SharedSocket> data;
};

}  // namespace oast::kernel
