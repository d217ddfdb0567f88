#include "events.hpp"

namespace oast::broker {

void Events::publish(Kernel& kernel, wire::Change change) {
  kernel.published = kernel.state;
  if (!socket_.has_subscribers()) return;
  wire::KernelEventT event;
  event.change = change;
  event.info = std::make_unique<wire::KernelInfoT>(describe(kernel, loop_.now()));
  socket_.publish(wire::pack(RequestId{}, event));
}

void Events::changed_between_idle_and_busy() {
  if (timer_ || !socket_.has_subscribers()) return;
  timer_ = loop_.after(kInterval, [this] {
    timer_.reset();
    kernels_.each([&](Kernel& kernel) {
      if (kernel.state != kernel.published) publish(kernel, wire::Change::state);
    });
  });
}

}  // namespace oast::broker
