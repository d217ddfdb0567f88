#include "oast/broker/broker.hpp"

namespace oast::broker {

namespace {

class RealClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  void on_jump(std::function<void()> /*wake*/) override {}
};

}  // namespace

std::shared_ptr<Clock> real_clock() {
  static const auto clock = std::make_shared<RealClock>();
  return clock;
}

}  // namespace oast::broker
