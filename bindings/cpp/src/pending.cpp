#include "oast/future.hpp"

namespace oast::detail {

Pending::Continuation Pending::end_mark{};

Pending::~Pending() {
  // Left over only when nobody ended the request, which then nobody can await either.
  Continuation* left = continuations_.load(std::memory_order_acquire);
  while (left != nullptr && left != &end_mark) {
    const std::unique_ptr<Continuation> owned(left);
    left = left->next;
  }
}

void Pending::then(std::function<void()> continuation) {
  Continuation* head = continuations_.load(std::memory_order_acquire);
  if (head != &end_mark) {
    awaited();
    auto node = std::make_unique<Continuation>(Continuation{std::move(continuation), nullptr});
    while (head != &end_mark) {
      node->next = head;
      if (continuations_.compare_exchange_weak(head, node.get(), std::memory_order_acq_rel)) {
        static_cast<void>(node.release());  // the list owns it
        return;
      }
    }
    continuation = std::move(node->run);
  }
  continuation();
}

const Value& Pending::value() const {
  if (thrown_) std::rethrow_exception(thrown_);
  if (failure_) raise(*failure_);
  return value_;
}

Value Pending::take() {
  static_cast<void>(value());
  return std::move(value_);
}

void Pending::succeed(Value value) {
  value_ = std::move(value);
  finish();
}

void Pending::fail(Failure failure) {
  failure_ = std::make_unique<const Failure>(std::move(failure));
  finish();
}

void Pending::finish() noexcept {
  Continuation* head = continuations_.exchange(&end_mark, std::memory_order_acq_rel);
  Continuation* first = nullptr;  // the list is last in, first out; they run first in, first out
  while (head != nullptr) {
    Continuation* next = std::exchange(head->next, first);
    first = std::exchange(head, next);
  }
  while (first != nullptr) {
    const std::unique_ptr<Continuation> owned(first);
    first = first->next;
    owned->run();
  }
}

}  // namespace oast::detail
