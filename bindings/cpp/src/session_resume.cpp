// A session that comes back.
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "session.hpp"

namespace oast::detail {

namespace {

using std::chrono::milliseconds;

/// For one handshake. A broker that is stopped answers late, and is dialled again.
constexpr milliseconds kHandshake{5000};
/// Between two tries.
constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{1000};
/// How long nobody may be there to be dialled. A broker that died is not coming back with the
/// session; a link that is cut may be down for a moment.
constexpr milliseconds kNobodyThere{5000};
constexpr milliseconds kSlice{20};

/// The session is being closed.
class Stopping : public std::exception {};

/// Whether another try may be answered otherwise.
bool is_passing(FailureKind kind) {
  return kind == FailureKind::disconnected || kind == FailureKind::overloaded;
}

}  // namespace

wire::HelloT Session::hello(const BrokerEndpoint& endpoint, const std::string& name,
                            Resumption* resumption) {
  wire::HelloT result;
  result.role = wire::Role::host;
  result.token = endpoint.token;
  result.name = name;
  result.pid = ::getpid();
  if (resumption != nullptr) resumption->introduce(result);
  return result;
}

bool Session::is_new(const wire::Addressed& message) {
  if (!resumption_ || message.route.reader) return true;
  const wire::Packet& packet = message.packet;
  return resumption_->take_data(connection_, message.peer, packet.root().number(), packet.bytes());
}

/// libzmq dials again by itself, of which the broker knows nothing.
bool Session::cuts_off(const wire::Addressed& message) {
  const wire::Message& root = message.packet.root();
  const auto* failure = root.body_as_Failure();
  if (message.peer || failure == nullptr || root.number() != 0) return false;
  return failure->kind() ==
         (root.id() == 0 ? wire::FailureKind::disconnected : wire::FailureKind::permission_denied);
}

void Session::ask_for_missed(KernelId kernel) {
  wire::ResumeT asked;
  asked.kernels.push_back(std::make_unique<wire::SeenT>());
  asked.kernels[0]->kernel = kernel.value;
  asked.kernels[0]->number = resumption_->seen(peer_of(kernel));
  connection_.data().send(PeerId{}, wire::pack(RequestId{}, asked));
  attend();
}

std::vector<PeerId> Session::known_kernels() {
  std::vector<PeerId> kernels = requests_.kernels();
  const std::lock_guard lock(adopted_mutex_);
  for (const auto& [kernel, handles] : adopted_) kernels.push_back(kernel);
  return kernels;
}

/// Its output says so, as a line on stderr: that of the request which has run since, most likely.
void Session::on_gap(const wire::Gap& gap) {
  const std::string text = "[oast: " + std::to_string(gap.last() - gap.first() + 1) +
                           " records of kernel " + std::to_string(gap.kernel()) + ", " +
                           std::to_string(gap.bytes()) + " bytes, are gone from its log]\n";
  Output output;
  output.stream = Output::Stream::err;
  output.text = text;
  const PeerId kernel{gap.kernel()};
  if (const auto request = requests_.oldest(kernel)) return request->output(output);
  for (const auto& handle : adopted(kernel)) handle->output(nullptr, output);
}

std::optional<zmq::socket_t> Session::redial(std::string& why) try {
  if (!connected_) return std::nullopt;  // the broker has said that it is over
  cut_ = true;
  connection_.data().suspend();
  auto dialled = dial_again();
  if (!dialled) return std::nullopt;
  zmq::socket_t control =
      resumption_->go_on(connection_, std::move(*dialled), known_kernels(), logs_.ask_again());
  cut_ = false;
  return control;
} catch (const Stopping&) {
  return std::nullopt;
} catch (const std::exception& error) {
  why = error.what();
  return std::nullopt;
}

/// Nothing when nobody was there in time. Throws Error when the broker refuses.
std::optional<wire::Connection> Session::dial_again() {
  const auto check = [this] {
    if (connection_.stopping()) throw Stopping();
  };
  const auto start = Clock::now();
  milliseconds pause = kFirstPause;
  for (auto heard = start;;) {
    try {
      auto dialled = wire::dial(endpoint_.context(), endpoint_.control, endpoint_.data,
                                hello(endpoint_, name_, resumption_.get()), kHandshake, check);
      if (dialled.resumed && dialled.self == self()) return dialled;
      // It has forgotten ours, and made another, which nobody wants.
      wire::GoodbyeT goodbye;
      goodbye.end_session = true;
      wire::Packet packet = wire::pack(RequestId{}, goodbye);
      wire::send(dialled.control, PeerId{}, packet);
      throw Error(FailureKind::not_found,
                  "it has forgotten session '" + resumption_->options().name + "'");
    } catch (const Error& error) {
      if (!is_passing(error.kind())) throw;
    }
    if (wire::listens(endpoint_.control)) heard = Clock::now();
    const auto now = Clock::now();
    if (now - heard > kNobodyThere || now - start > resumption_->options().timeout)
      return std::nullopt;
    for (const auto until = now + pause; Clock::now() < until; check())
      std::this_thread::sleep_for(kSlice);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace oast::detail
