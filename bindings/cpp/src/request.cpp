#include "request.hpp"

#include <utility>
#include <vector>

#include "session.hpp"

namespace oast::detail {

namespace {

/// Makes sure that a failure caused by a death says how it died, as far as that is known. The
/// broker forgets dead kernels, and then knows no such kernel: for whoever knew it, it died.
Failure explain(Failure failure, PeerId from, KernelHandle* kernel) {
  if (kernel == nullptr) return failure;
  if (failure.kind == FailureKind::not_found && from == PeerId{})
    failure.kind = FailureKind::kernel_died;
  if (failure.kind != FailureKind::kernel_died) return failure;
  // A kernel that is about to end has no death yet.
  if (from == PeerId{} && !failure.death.explanation.empty()) kernel->note_death(failure.death);
  failure.death = kernel->death().value_or(Death{.explanation = failure.message});
  return failure;
}

}  // namespace

Request::Request(std::shared_ptr<Session> session, RequestId id,
                 std::shared_ptr<KernelHandle> kernel)
    : session_(std::move(session)), id_(id), kernel_(std::move(kernel)) {}

Request::~Request() = default;

void Request::expect_promptly() {
  auto none = Haste::none;
  if (haste_.compare_exchange_strong(none, Haste::counted)) session_->begin_haste();
}

void Request::end_haste() noexcept {
  if (haste_.exchange(Haste::over) == Haste::counted) session_->end_haste();
}

RequestKey Request::key() const noexcept { return {session_->self(), id_}; }

bool Request::wait(std::optional<Clock::time_point> deadline) {
  return ready() || session_->wait(*this, deadline);
}

void Request::cancel() {
  if (!ready()) session_->cancel(*this);
}

void Request::answer(wire::Packet&& packet, PeerId from) noexcept try {
  end_haste();
  const wire::Message& root = packet.root();
  if (const auto* result = root.body_as_Result()) {
    const std::vector<Buffer> buffers = session_->memory().share(std::move(packet.buffers));
    succeed(wire::read(result->value(), buffers));
  } else if (const auto* failure = root.body_as_Failure()) {
    fail(explain(wire::read(*failure), from, kernel_.get()));
  } else {
    reply_ = std::move(packet);
    succeed({});
  }
} catch (...) {
  // Memory gave out before the end: that costs this request, and not the program.
  spoil(std::current_exception());
  succeed({});
}

void Request::abort(Failure failure) noexcept try {
  end_haste();
  fail(std::move(failure));
} catch (...) {
  spoil(std::current_exception());
  succeed({});
}

void Request::mute() {
  if (!kernel_) return;
  kernel_->between_outputs([this] {
    callbacks_ = std::make_shared<const Callbacks>(Callbacks{[](const Output&) {}, {}});
  });
}

void Request::output(const Output& output) {
  if (!kernel_) return;
  kernel_->between_outputs([&] {
    const auto callbacks = callbacks_;  // the callback may end what mutes it
    const bool own = callbacks && callbacks->on_output;
    kernel_->output(own ? &callbacks->on_output : nullptr, output);
  });
}

InputCallback Request::on_input() const {
  InputCallback result;
  if (!kernel_) return result;
  kernel_->between_outputs([&] {
    result = callbacks_ && callbacks_->on_input ? callbacks_->on_input : kernel_->on_input();
  });
  return result;
}

}  // namespace oast::detail
