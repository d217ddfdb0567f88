#include "oast/kernel/input_slot.hpp"

#include <utility>

namespace oast::kernel {

void InputSlot::open(RequestKey key) {
  const std::lock_guard lock(mutex_);
  waiting_ = key;
  line_.reset();
  answered_ = false;
}

std::optional<std::string> InputSlot::close() {
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  return std::exchange(line_, std::nullopt);
}

void InputSlot::answer(RequestKey key, std::optional<std::string> line) {
  const std::lock_guard lock(mutex_);
  if (waiting_ != key || answered_) return;
  line_ = std::move(line);
  answered_ = true;
}

void InputSlot::end(PeerId host) {
  const std::lock_guard lock(mutex_);
  if (waiting_ && waiting_->host == host) answered_ = true;
}

}  // namespace oast::kernel
