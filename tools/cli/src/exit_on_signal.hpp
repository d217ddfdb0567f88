// Ctrl-C while there is nothing to interrupt.
#pragma once

#include <thread>

#include "signal_reader.hpp"
#include "wake_event.hpp"

namespace oast::cli {

/// While it lives, a SIGINT, SIGTERM or SIGHUP ends the program on the spot, as it would have
/// without SignalReader: for waits that cannot be called off, such as the start of a kernel, and
/// while somebody may be slow to read what we print. What was started ends with us, because its
/// launcher and its broker see us go.
class ExitOnSignal {
 public:
  /// With `interrupted`, SIGINT rings that instead. It must outlive this.
  explicit ExitOnSignal(SignalReader& signals, WakeEvent* interrupted = nullptr);
  ~ExitOnSignal();
  ExitOnSignal(const ExitOnSignal&) = delete;
  ExitOnSignal& operator=(const ExitOnSignal&) = delete;

 private:
  void watch();

  SignalReader& signals_;
  WakeEvent* const interrupted_;
  WakeEvent over_;
  std::thread thread_;
};

}  // namespace oast::cli
