// Rounds of measurement, and what comes out of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace oast::bench {

/// How much is measured.
struct Plan {
  std::size_t rounds = 9;          ///< every subject takes its turn in each
  std::size_t round_trips = 2000;  ///< a round
  std::size_t pipelined = 20'000;  ///< requests in flight at once, a round
  std::size_t starts = 15;         ///< kernels started, in all
  std::chrono::milliseconds flood{10'000};
};
Plan quick_plan();

/// Something that answers `1 + 1`.
struct Subject {
  std::string name;
  std::function<void()> round_trip;
  std::function<void(std::size_t count)> pipelined;  ///< sends `count`, then waits for all
};

/// Of one subject: each figure is the median over the rounds.
struct Figures {
  double p50_us = 0;
  double p99_us = 0;
  double per_second = 0;
};

/// Measures all subjects in turns, so that what else the machine does meets all of them alike. The
/// result has one entry for each subject, in order.
std::vector<Figures> measure(const std::vector<Subject>& subjects, const Plan& plan);

/// Median milliseconds of `count` runs of `run`, after one that does not count.
double median_ms(std::size_t count, const std::function<void()>& run);

/// The value that `fraction` of the values do not exceed. `values` must not be empty.
double quantile(std::vector<double> values, double fraction);

}  // namespace oast::bench
