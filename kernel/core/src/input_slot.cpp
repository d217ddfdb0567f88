#include "oast/kernel/input_slot.hpp"

#include <utility>

namespace oast::kernel {

std::uint64_t InputSlot::open(RequestKey key, bool block) {
  const std::lock_guard lock(mutex_);
  if (block && asked_ && asked_->block && asked_->key == key) return 0;
  asked_ = Asked{key, ++last_, block};
  line_.reset();
  answered_ = false;
  return last_;
}

std::optional<std::string> InputSlot::close() {
  const std::lock_guard lock(mutex_);
  if (!answered_ && asked_->block) return std::nullopt;
  answered_ = false;
  asked_.reset();
  return std::exchange(line_, std::nullopt);
}

void InputSlot::answer(RequestKey key, std::uint64_t number, std::optional<std::string> line) {
  const std::lock_guard lock(mutex_);
  if (!asked_ || asked_->key != key || answered_) return;
  if (number != 0 && number != asked_->number) return;
  line_ = std::move(line);
  answered_ = true;
}

void InputSlot::end(PeerId host) {
  const std::lock_guard lock(mutex_);
  if (asked_ && asked_->key.host == host) answered_ = true;
}

}  // namespace oast::kernel
