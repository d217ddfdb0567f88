#include "local_request.hpp"

#include "interruptible_wait.hpp"
#include "local_engine.hpp"

namespace oast::detail {

bool LocalRequest::wait(std::optional<Clock::time_point> deadline) {
  const auto done = [this] { return ready(); };
  return wait_interruptibly(deadline, [&](std::optional<Clock::time_point> until) {
    std::unique_lock lock(mutex_);
    if (until) return ended_.wait_until(lock, *until, done);
    ended_.wait(lock, done);
    return true;
  });
}

void LocalRequest::cancel() {
  if (!ready()) engine_->cancel(shared_from_this());
}

void LocalRequest::mute() {
  const std::lock_guard lock(gate_);
  on_output_ = [](const Output&) {};
}

void LocalRequest::output(const Output& output, const OutputCallback& of_worker) {
  const std::lock_guard lock(gate_);
  try {
    const OutputCallback& callback = on_output_ ? on_output_ : of_worker;
    if (callback) callback(output);
  } catch (...) {  // must not pass through the engine; `get` throws it
    spoil(std::current_exception());
  }
}

void LocalRequest::end(Value value) {
  const auto self = shared_from_this();  // a waiter may drop the last other hold of it
  succeed(std::move(value));
  const std::lock_guard lock(mutex_);
  ended_.notify_all();
}

void LocalRequest::end(Failure failure) {
  const auto self = shared_from_this();
  fail(std::move(failure));
  const std::lock_guard lock(mutex_);
  ended_.notify_all();
}

}  // namespace oast::detail
