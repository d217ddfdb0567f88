// What `oast top` shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "console.hpp"
#include "oast/broker.hpp"

namespace oast::cli {

/// The kernels of a broker over time. Not thread-safe.
class Kernels {
 public:
  using Clock = std::chrono::steady_clock;

  struct Row {
    KernelInfo info;
    std::optional<double> cpu_percent;           ///< between its last two heartbeats
    Clock::time_point sampled;                   ///< when its CPU time last changed hands
    std::optional<Clock::time_point> died = {};  ///< when we saw it dead first
  };

  /// One kernel as it is now.
  void update(const KernelInfo& info, Clock::time_point now);
  /// All there are: others are forgotten, and so are the dead, a few seconds after we saw them die.
  void replace(const std::vector<KernelInfo>& all, Clock::time_point now);
  /// What needs attention first: unresponsive, busy, starting, stopping, idle, dead; then by CPU.
  std::vector<const Row*> sorted() const;

 private:
  std::map<std::uint64_t, Row> rows_;
};

/// Lines for the screen. Without `window` all kernels in full width, else what fits into it.
std::vector<std::string> top_frame(const Kernels& kernels, const std::string& broker,
                                   const std::optional<WindowSize>& window);

}  // namespace oast::cli
