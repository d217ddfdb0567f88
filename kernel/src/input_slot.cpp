#include "input_slot.hpp"

#include <utility>

namespace oast::kernel {

void InputSlot::open(Asker asker) {
  const std::lock_guard lock(mutex_);
  waiting_ = asker;
  line_.reset();
  answered_ = false;
}

std::optional<std::string> InputSlot::close() {
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  return std::exchange(line_, std::nullopt);
}

void InputSlot::answer(Asker asker, std::optional<std::string> line) {
  const std::lock_guard lock(mutex_);
  if (waiting_ != asker || answered_) return;
  line_ = std::move(line);
  answered_ = true;
}

void InputSlot::end(PeerId host) {
  const std::lock_guard lock(mutex_);
  if (waiting_ && waiting_->host == host) answered_ = true;
}

}  // namespace oast::kernel
