// Futures: answers that are under way.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "oast/error.hpp"
#include "oast/ids.hpp"
#include "oast/value.hpp"

namespace oast {

namespace detail {

/// One open request, which ends exactly once, with a value or a failure. Futures share it.
///
/// Threads: all public functions are thread-safe.
class Pending {
 public:
  using Clock = std::chrono::steady_clock;

  Pending() = default;
  virtual ~Pending();
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  bool ready() const noexcept {
    return continuations_.load(std::memory_order_acquire) == &end_mark;
  }
  /// Blocks until ready or the deadline; says whether it is ready.
  virtual bool wait(std::optional<Clock::time_point> deadline) = 0;
  /// Does not block.
  virtual void cancel() = 0;
  /// No output callback of it runs from now on. Blocks until a running one has returned, unless
  /// that is the caller.
  virtual void mute() {}
  /// What others call it; none: nobody else can know it.
  virtual RequestKey key() const noexcept { return {}; }
  /// Now, when ready, else on the thread that ends the request.
  void then(std::function<void()> continuation);

  /// The value, or throws what the request ended with. Precondition: ready().
  const Value& value() const;
  /// As value, moved out: for the only holder.
  Value take();

 protected:
  /// Exactly one of them is called, once. Continuations run before it returns.
  void succeed(Value value);
  void fail(Failure failure);
  /// Makes value() throw the first `thrown` rather than give the answer. Called before succeed or
  /// fail, by the thread that will call them.
  void spoil(std::exception_ptr thrown) noexcept {
    if (!thrown_) thrown_ = std::move(thrown);
  }

 private:
  struct Continuation {
    std::function<void()> run;
    Continuation* next = nullptr;
  };
  static Continuation end_mark;

  /// Somebody called `then` and the request is still open: called before it can end.
  virtual void awaited() {}
  void finish() noexcept;

  std::atomic<Continuation*> continuations_{nullptr};  // &end_mark: ended
  Value value_;
  std::unique_ptr<const Failure> failure_;
  std::exception_ptr thrown_;
};

}  // namespace detail

/// The answer to one request. Copies share it. Thread-safe, like a shared_ptr: one object is not to
/// be assigned while others use it.
///
/// Dropping the last copy does not end the request: use `cancel`. A future outlives its worker and
/// broker: ending them ends the request.
template <class T>
class [[nodiscard]] Future {
 public:
  using Clock = std::chrono::steady_clock;

  /// Not valid: only `valid` may be called.
  Future() = default;
  explicit Future(std::shared_ptr<detail::Pending> pending) : pending_(std::move(pending)) {}

  bool valid() const noexcept { return pending_ != nullptr; }
  /// What copies share.
  const std::shared_ptr<detail::Pending>& pending() const noexcept { return pending_; }
  /// The host that asked and the number that it gave the request, by which it can be interrupted
  /// and found in the kernel's log, also by others. None of an InProcessWorker. Does not block.
  RequestKey key() const noexcept { return pending_->key(); }
  /// Does not block.
  bool ready() const noexcept { return pending_->ready(); }
  /// Blocks until ready.
  void wait() const { pending_->wait(std::nullopt); }
  /// Blocks until ready or the time is over; says whether it is ready.
  bool wait_for(std::chrono::nanoseconds time) const { return wait_until(Clock::now() + time); }
  bool wait_until(Clock::time_point deadline) const { return pending_->wait(deadline); }
  /// Blocks; the value, converted (Value::as), or throws its Error: RemoteException,
  /// TerminatedWorkerException, Error(interrupted), ...; Error(invalid) when the value is no T.
  T get() const {
    wait();
    return convert(pending_->value());
  }
  /// As get, but throws Error(timeout) when the time is over first; the request then goes on.
  T get_for(std::chrono::nanoseconds time) const {
    if (!wait_for(time)) throw Error(FailureKind::timeout, "no answer yet");
    return convert(pending_->value());
  }
  /// As get, but the value is moved out of a future that nobody shares, and copied out of others.
  /// Afterwards the future is not valid.
  T take() {
    wait();
    const std::shared_ptr<detail::Pending> pending = std::move(pending_);
    if constexpr (std::is_same_v<T, Value>) {
      if (pending.use_count() == 1) return pending->take();
    }
    return convert(pending->value());
  }
  /// Asks for the request to be cancelled while queued or interrupted while running. Does not
  /// block; the future becomes ready with `interrupted`, or with its value if that was quicker.
  void cancel() const { pending_->cancel(); }
  /// Calls `continuation(*this)` once it is ready: now, on this thread, if it is already, else on
  /// the thread that receives the answer, which may be any thread that waits for an answer of the
  /// same broker. So it must not block nor take a lock that a waiting thread holds. It must not
  /// throw: that ends the program.
  void then(std::function<void(Future<T>)> continuation) const {
    pending_->then([self = *this, run = std::move(continuation)]() { run(self); });
  }

 private:
  static T convert(const Value& value) {
    if constexpr (std::is_same_v<T, Value>) {
      return value;
    } else if constexpr (!std::is_void_v<T>) {
      return value.as<T>();
    }
  }

  std::shared_ptr<detail::Pending> pending_;
};

}  // namespace oast
