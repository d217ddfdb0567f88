// Waits that the interrupt check of their thread may end.
#pragma once

#include <chrono>
#include <optional>

namespace oast::detail {

/// Whether this thread has an interrupt check.
bool has_interrupt_check();
/// Throws Error(interrupted) when this thread's check, if it has one, says so.
void throw_if_interrupted();

/// `wait(deadline)` says whether what it waits for is there; false no earlier than its deadline.
template <class Wait>
bool wait_interruptibly(std::optional<std::chrono::steady_clock::time_point> deadline,
                        const Wait& wait) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kSlice{50};
  while (has_interrupt_check()) {
    const auto slice = Clock::now() + kSlice;
    if (deadline && *deadline <= slice) break;
    if (wait(slice)) return true;
    throw_if_interrupted();
  }
  return wait(deadline);
}

}  // namespace oast::detail
