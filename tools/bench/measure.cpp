#include "measure.hpp"

#include <algorithm>
#include <cmath>

namespace oast::bench {

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

template <class Run>
double microseconds(const Run& run) {
  const auto begin = Clock::now();
  run();
  return Microseconds(Clock::now() - begin).count();
}

Figures one_round(const Subject& subject, const Plan& plan) {
  std::vector<double> times(plan.round_trips);
  for (std::size_t i = 0; i < times.size() / 10; ++i) subject.round_trip();  // to warm up
  for (double& time : times) time = microseconds(subject.round_trip);
  const double burst = microseconds([&] { subject.pipelined(plan.pipelined); });
  return {quantile(times, 0.5), quantile(times, 0.99),
          static_cast<double>(plan.pipelined) * 1e6 / burst};
}

double median_of(const std::vector<Figures>& rounds, double Figures::*figure) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Figures& round : rounds) values.push_back(round.*figure);
  return quantile(values, 0.5);
}

}  // namespace

Plan quick_plan() {
  return {.rounds = 3,
          .round_trips = 500,
          .pipelined = 5000,
          .starts = 5,
          .flood = std::chrono::seconds(2)};
}

std::vector<Figures> measure(const std::vector<Subject>& subjects, const Plan& plan) {
  std::vector<std::vector<Figures>> rounds(subjects.size());
  for (std::size_t round = 0; round < plan.rounds; ++round)
    for (std::size_t i = 0; i < subjects.size(); ++i)
      rounds[i].push_back(one_round(subjects[i], plan));
  std::vector<Figures> medians;
  medians.reserve(rounds.size());
  for (const auto& of_one : rounds)
    medians.push_back({median_of(of_one, &Figures::p50_us), median_of(of_one, &Figures::p99_us),
                       median_of(of_one, &Figures::per_second)});
  return medians;
}

double median_ms(std::size_t count, const std::function<void()>& run) {
  run();
  std::vector<double> times(count);
  for (double& time : times) time = microseconds(run) / 1000;
  return quantile(times, 0.5);
}

double quantile(std::vector<double> values, double fraction) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size()))) -
      (fraction > 0 ? 1 : 0);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace oast::bench
