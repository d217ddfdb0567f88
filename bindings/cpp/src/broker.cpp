#include "oast/broker.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "broker_impl.hpp"
#include "messages.hpp"
#include "oast/worker.hpp"
#include "session_secret.hpp"
#include "thread.hpp"

namespace oast {

using detail::Session;
using std::chrono::milliseconds;

namespace {

/// Longer than anybody waits, and short enough to reckon with.
constexpr milliseconds kLongestSession = std::chrono::hours(24 * 365 * 100);

std::optional<KernelId> as_id(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) return {};
  return KernelId{number};
}

/// Made once and never destroyed: Workers that live in statics may outlive anything else.
struct ProcessDefault {
  std::mutex mutex;
  std::weak_ptr<void> impl;
};
ProcessDefault& process_default_slot() {
  static auto* slot = new ProcessDefault;  // NOLINT
  return *slot;
}

}  // namespace

std::string_view to_string(KernelState state) {
  static constexpr std::array<std::string_view, 6> kNames = {"starting",     "idle",     "busy",
                                                             "unresponsive", "stopping", "dead"};
  const auto index = static_cast<std::size_t>(state);
  return index < kNames.size() ? kNames[index] : "unknown";
}

void require_alive(const KernelInfo& kernel) {
  if (!kernel.death) return;
  raise({.kind = FailureKind::kernel_died,
         .message = "kernel " + std::to_string(kernel.id.value) + " (" + kernel.name +
                    ") died: " + kernel.death->explanation,
         .type = {},
         .traceback = {},
         .death = *kernel.death});
}

std::filesystem::path runtime_root() { return broker::runtime_root(); }

std::shared_ptr<Broker::Impl> Broker::Impl::make(std::shared_ptr<Session> session) {
  return {new Impl(std::move(session)), [](Impl* impl) {
            if (Session::in_callback()) {
              detail::start_thread("oast-close", [impl] { delete impl; }).detach();  // NOLINT
            } else {
              delete impl;  // NOLINT
            }
          }};
}

Broker Broker::embedded(const EmbeddedOptions& options) {
  return Broker(Impl::make(
      Session::open(detail::make_embedded(options), "embedded", std::chrono::seconds(10))));
}

Broker Broker::process_default() {
  ProcessDefault& slot = process_default_slot();
  const std::lock_guard lock(slot.mutex);
  if (auto impl = std::static_pointer_cast<Impl>(slot.impl.lock())) return Broker(std::move(impl));
  Broker made = embedded();
  slot.impl = made.impl_;
  return made;
}

Broker Broker::connect(std::string_view directory_or_name, const ConnectOptions& options) {
  auto endpoint = detail::find_daemon(directory_or_name, options.token);
  std::unique_ptr<detail::Resumption> resumption;
  if (!options.session.empty())
    resumption = std::make_unique<detail::Resumption>(detail::Resumption::Options{
        options.session, detail::session_secret(endpoint.directory, options.session),
        std::clamp<milliseconds>(options.session_timeout, milliseconds(0), kLongestSession)});
  return Broker(Impl::make(
      Session::open(std::move(endpoint), options.name, options.timeout, std::move(resumption))));
}

Worker Broker::start(std::string_view spec) const { return start(spec, StartOptions{}); }

Worker Broker::start(std::string_view spec, StartOptions options) const {
  options.broker = *this;
  return Worker(spec, std::move(options));
}

KernelInfo Broker::find(KernelId kernel) const {
  wire::AttachT asked;
  asked.kernel = kernel.value;
  return detail::read(impl_->session->ask_and_wait(asked)->reply<wire::Kernel>());
}

KernelInfo Broker::find(std::string_view name_or_id) const {
  if (const auto id = as_id(name_or_id)) return find(*id);
  wire::AttachT asked;
  asked.name = name_or_id;
  return detail::read(impl_->session->ask_and_wait(asked)->reply<wire::Kernel>());
}

std::vector<KernelInfo> Broker::list() const {
  return detail::read(impl_->session->ask_and_wait(wire::ListT{})->reply<wire::Listing>());
}

std::vector<SpecInfo> Broker::specs() const {
  return detail::read(impl_->session->ask_and_wait(wire::ListSpecsT{})->reply<wire::Specs>());
}

InterruptOutcome Broker::interrupt(KernelId kernel, InterruptOptions options) const {
  return interrupt(kernel, RequestId{}, options);
}

InterruptOutcome Broker::interrupt(KernelId kernel, RequestId request, InterruptOptions options,
                                   PeerId host) const {
  const auto answered =
      impl_->session->ask_and_wait(detail::interrupt_request(kernel, options, request, host));
  return static_cast<InterruptOutcome>(answered->reply<wire::Interrupted>().outcome());
}

Death Broker::stop(KernelId kernel, StopOptions options) const {
  const auto answered = impl_->session->ask_and_wait(detail::stop_request(kernel, options));
  return wire::read(answered->reply<wire::Stopped>().death());
}

void Broker::signal(KernelId kernel, int signal) const {
  if (signal == SIGKILL) {
    kill(kernel);
    return;
  }
  impl_->session->ask_and_wait(detail::signal_request(kernel, signal));
}

Death Broker::kill(KernelId kernel) const {
  const auto answered = impl_->session->ask_and_wait(detail::signal_request(kernel, SIGKILL));
  return wire::read(answered->reply<wire::Stopped>().death());
}

const std::filesystem::path& Broker::directory() const {
  return impl_->session->endpoint().directory;
}

bool Broker::is_embedded() const { return impl_->session->endpoint().embedded != nullptr; }

bool Broker::connected() const { return impl_->session->connected(); }

PeerId Broker::self() const { return impl_->session->self(); }

bool Broker::resumed() const { return impl_->session->resumed(); }

void Broker::end_session() const { impl_->session->end_with_connection(); }

}  // namespace oast
