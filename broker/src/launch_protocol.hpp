// What the broker says to oast-launch on its stdin: the kernel's launch details, one line, which is
// passed on; then commands of two bytes. End of file: the broker is gone. What oast-launch says
// there when all has ended: the kernel's wait status, an int.
#pragma once

namespace oast::broker::launch {

inline constexpr char kSignalKernel = 'k';  // followed by the signal's number
inline constexpr char kSignalTree = 't';    // the same, to everything the kernel started as well

/// A pidfd of the broker's process.
inline constexpr int kBrokerFd = 3;
/// The kernel's outbox, which it inherits: see wire::OutboxMemory.
inline constexpr int kOutboxFd = 4;

inline constexpr int kCannotEnterDirectory = 126;
inline constexpr int kCannotRun = 127;

}  // namespace oast::broker::launch
