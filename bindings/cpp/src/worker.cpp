#include "oast/worker.hpp"

#include <atomic>
#include <csignal>
#include <utility>

#include "broker_impl.hpp"
#include "messages.hpp"

namespace oast {

using detail::Session;

namespace {

using std::chrono::milliseconds;

/// Longer than the ladder of kLastStop.
constexpr milliseconds kLastWait{3000};

Broker or_default(const std::optional<Broker>& broker) {
  return broker ? *broker : Broker::process_default();
}

}  // namespace

/// Shared with the RemoteChannels, which keep neither the kernel nor the broker alive.
class ChannelsOfKernel : public detail::ChannelHome {
 public:
  ChannelsOfKernel(std::shared_ptr<Session> session, std::shared_ptr<detail::KernelHandle> state)
      : session_(std::move(session)), state_(std::move(state)) {}

  Future<Value> channel(Operation operation, ChannelId channel, Value value) override {
    auto request = session_->ask_kernel(state_, [&](RequestId id) -> wire::Packet {
      switch (operation) {
        case Operation::put:
        case Operation::put_back:
          return detail::build_put(id, channel, value, operation == Operation::put_back);
        case Operation::take:
          return pack<wire::ChannelTakeT>(id, channel);
        case Operation::ready:
          return pack<wire::ChannelReadyT>(id, channel);
        case Operation::close:
          break;
      }
      return pack<wire::ChannelCloseT>(id, channel);
    });
    session_->attend();
    return Future<Value>(std::move(request));
  }

 private:
  template <class Object>
  static wire::Packet pack(RequestId id, ChannelId channel) {
    Object asked;
    asked.channel = channel.value;
    return wire::pack(id, asked, wire::kNumberLater);
  }

  const std::shared_ptr<Session> session_;
  const std::shared_ptr<detail::KernelHandle> state_;
};

struct Worker::Impl {
  Impl(Broker b, const KernelInfo& info, OutputCallback on_output, InputCallback on_input)
      : broker(std::move(b)),
        session(broker.impl_->session),
        state(std::make_shared<detail::KernelHandle>(info.id, info.name, std::move(on_output),
                                                     std::move(on_input))),
        channels(std::make_shared<ChannelsOfKernel>(session, state)) {
    if (info.death) state->note_death(*info.death);
    session->adopt(state);
  }

  /// Asks the kernel, and blocks for its answer.
  template <class Object>
  std::shared_ptr<detail::Request> ask_kernel(const Object& object) const {
    auto request = session->ask_kernel(
        state, [&](RequestId id) { return wire::pack(id, object, wire::kNumberLater); });
    try {
      request->wait(std::nullopt);
    } catch (const Error&) {
      request->cancel();
      throw;
    }
    return request;
  }
  /// Asks the broker to end the kernel, and blocks until it has.
  template <class Object>
  Death end(const Object& object) const {
    const auto answered = session->ask_and_wait(object, state);
    Death death = wire::read(answered->template reply<wire::Stopped>().death());
    state->note_death(death);
    return death;
  }
  KernelInfo find() const {
    wire::AttachT asked;
    asked.kernel = state->id().value;
    KernelInfo info = detail::read(session->ask_and_wait(asked, state)->reply<wire::Kernel>());
    if (info.death) state->note_death(*info.death);
    return info;
  }

  const Broker broker;
  const std::shared_ptr<Session> session;
  const std::shared_ptr<detail::KernelHandle> state;
  const std::shared_ptr<ChannelsOfKernel> channels;
  std::atomic<bool> owner{false};  // stops the kernel at the end
};

Worker::Worker(std::string_view spec, StartOptions options) {
  Broker broker = or_default(options.broker);
  const auto started = broker.impl_->session->start_and_wait(detail::start_request(spec, options));
  impl_ = std::make_shared<Impl>(std::move(broker), detail::read(started->reply<wire::Kernel>()),
                                 std::move(options.on_output), std::move(options.on_input));
  // A session's kernels outlive the process, and so its Workers.
  impl_->owner = !options.detach && !impl_->session->resumable();
}

Worker::Worker(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Worker::~Worker() { end(); }

Worker::Worker(Worker&& other) noexcept = default;

Worker& Worker::operator=(Worker&& other) noexcept {
  if (this != &other) {
    end();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Worker Broker::attach(KernelId kernel, AttachOptions options) const {
  return attach(std::to_string(kernel.value), std::move(options));
}

Worker Broker::attach(std::string_view name_or_id, AttachOptions options) const {
  const KernelInfo kernel = find(name_or_id);
  require_alive(kernel);
  return Worker(std::make_shared<Worker::Impl>(*this, kernel, std::move(options.on_output),
                                               std::move(options.on_input)));
}

void Worker::end() noexcept {
  if (!impl_) return;
  try {
    if (impl_->owner && !impl_->state->death()) {
      const auto asked = impl_->session->ask(
          detail::stop_request(impl_->state->id(), detail::kLastStop), impl_->state);
      if (!Session::in_callback()) asked->wait(Session::Clock::now() + kLastWait);
    }
  } catch (const std::exception&) {
    // The broker ends the kernel when the connection ends, which is all that is left to hope for.
  }
  impl_->state->retire();
  impl_.reset();
}

KernelId Worker::id() const { return impl_->state->id(); }

const std::string& Worker::name() const { return impl_->state->name(); }

const Broker& Worker::broker() const { return impl_->broker; }

KernelInfo Worker::info() const { return impl_->find(); }

std::optional<Death> Worker::death() const { return impl_->state->death(); }

Death Worker::kill() {
  if (const auto death = impl_->state->death()) return *death;
  return impl_->end(detail::signal_request(id(), SIGKILL));
}

void Worker::release() noexcept { impl_->owner = false; }

Future<Value> Worker::submit(const Request& request, EvalOptions options) {
  return impl_->session->submit(impl_->state, request, std::move(options));
}

InterruptOutcome Worker::interrupt(InterruptOptions options) {
  const auto answered =
      impl_->session->ask_and_wait(detail::interrupt_request(id(), options), impl_->state);
  return static_cast<InterruptOutcome>(answered->reply<wire::Interrupted>().outcome());
}

void Worker::stop(StopOptions options) {
  if (!impl_->state->death()) impl_->end(detail::stop_request(id(), options));
}

bool Worker::isrunning() const {
  if (impl_->state->death() || !impl_->session->connected()) return false;
  try {
    return impl_->find().state != KernelState::dead;
  } catch (const Error& error) {  // forgotten, or out of reach
    if (error.kind() == FailureKind::interrupted) throw;
    return false;
  }
}

Completions Worker::complete(std::string_view code, std::size_t cursor) {
  wire::CompleteT asked;
  asked.code = code;
  asked.cursor = static_cast<std::uint32_t>(cursor);
  return detail::read(impl_->ask_kernel(asked)->reply<wire::Completions>());
}

std::optional<std::string> Worker::inspect(std::string_view code, std::size_t cursor, int detail) {
  wire::InspectT asked;
  asked.code = code;
  asked.cursor = static_cast<std::uint32_t>(cursor);
  asked.detail = static_cast<std::uint8_t>(detail);
  const auto answered = impl_->ask_kernel(asked);
  const auto& inspection = answered->reply<wire::Inspection>();
  if (!inspection.found()) return std::nullopt;
  return std::string(wire::text(inspection.text()));
}

Completeness Worker::is_complete(std::string_view code) {
  wire::IsCompleteT asked;
  asked.code = code;
  return detail::read(impl_->ask_kernel(asked)->reply<wire::Completeness>());
}

std::shared_ptr<detail::ChannelHome> Worker::channels() { return impl_->channels; }

}  // namespace oast
