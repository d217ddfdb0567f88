#include "control_handler.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "descriptors.hpp"
#include "secrets.hpp"
#include "start_request.hpp"

namespace oast::broker {

using wire::Body;

namespace {

constexpr std::size_t kMaxPeers = 16'384;
constexpr std::size_t kTicketBytes = 16;

std::string str(const flatbuffers::String* text) { return std::string(wire::text(text)); }

/// Nothing, or what is wrong with the session that it names.
std::optional<Failure> check_session(const wire::Hello& hello, bool within_kernel) {
  constexpr std::size_t kMinSecret = 32;
  if (hello.role() != wire::Role::host || within_kernel)
    return failure(FailureKind::invalid,
                   "only a host has a session, and none that is part of a kernel");
  if (!is_name(wire::text(hello.session())) || wire::text(hello.session()).starts_with('.'))
    return failure(FailureKind::invalid, "the session name '" + str(hello.session()) +
                                             "' should be at most 64 letters, digits, '-', '_' "
                                             "and '.', and not begin with that");
  if (wire::text(hello.session_secret()).size() < kMinSecret)
    return failure(FailureKind::invalid, "a session's secret should have at least 32 characters");
  return std::nullopt;
}

std::chrono::milliseconds session_timeout(const wire::Hello& hello) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365 * 100);
  return std::chrono::milliseconds(
      std::min(hello.session_timeout_ms(), static_cast<std::uint64_t>(kLongest.count())));
}

}  // namespace

ControlHandler::ControlHandler(EventLoop& loop, const Options& options, const std::string& token,
                               IdSource& ids, PeerTable& peers, KernelTable& kernels,
                               PeerSender& sender, Supervisor& supervisor, Interrupts& interrupts,
                               Heartbeats& heartbeats, Logger log)
    : loop_(loop),
      options_(options),
      token_(token),
      ids_(ids),
      peers_(peers),
      kernels_(kernels),
      sender_(sender),
      supervisor_(supervisor),
      interrupts_(interrupts),
      heartbeats_(heartbeats),
      log_(std::move(log)) {}

std::optional<Failure> ControlHandler::hello(const RoutingId& from, const wire::Hello& hello) {
  auto refusal = admit(from, hello);
  if (refusal) log_->warn("OB401 a peer was refused: {}", refusal->message);
  return refusal;
}

std::optional<Failure> ControlHandler::admit(const RoutingId& from, const wire::Hello& hello) {
  const std::string token = str(hello.token());
  Kernel* kernel = nullptr;
  const Kernel* within = nullptr;
  bool proven = false;
  if (hello.role() == wire::Role::kernel) {
    if (!token.empty()) kernel = kernels_.by_token(token);
    proven = kernel != nullptr;
  } else {
    proven = equal_secret(token, token_);
    if (!proven && !token.empty() && hello.role() == wire::Role::host)
      within = kernels_.by_host_token(token);
    proven = proven || within != nullptr;
  }
  if (!proven) return failure(FailureKind::permission_denied, "the token is not this broker's");
  if (hello.version_min() > wire::kVersion || hello.version_max() < wire::kVersion)
    return failure(FailureKind::incompatible, "this broker speaks protocol version " +
                                                  std::to_string(wire::kVersion) + ", the peer " +
                                                  std::to_string(hello.version_min()) + " to " +
                                                  std::to_string(hello.version_max()));
  const bool in_session = !wire::text(hello.session()).empty();
  if (in_session) {
    if (auto wrong = check_session(hello, within != nullptr)) return wrong;
    if (Peer* peer = peers_.by_session(wire::text(hello.session())))
      return resume(*peer, from, hello);
  }
  if (peers_.size() >= kMaxPeers)
    return failure(FailureKind::overloaded, "the broker has as many peers as it takes");

  // A kernel's were counted when it was started.
  if (kernel == nullptr) try {
      require_descriptors(kLeftByHellos, "let another peer in");
    } catch (const Error& error) {
      return error.failure();
    }

  const PeerId id = kernel != nullptr ? peer_of(kernel->id) : PeerId{ids_.next()};
  Peer& peer = peers_.add(id, hello.role(), from);
  try {
    if (within != nullptr) peer.within = within->id;
    if (kernel == nullptr) watch_process(peer, hello.pid());
    if (in_session) open_session(peer, hello);
    welcome(peer, hello, false);
  } catch (...) {
    peers_.remove(id);  // it may say Hello again
    throw;
  }
  if (kernel != nullptr) supervisor_.hello(*kernel, hello.pid());
  return std::nullopt;
}

void ControlHandler::open_session(Peer& peer, const wire::Hello& hello) {
  peer.session = std::make_unique<HostSession>();
  peer.session->name = str(hello.session());
  peer.session->secret = str(hello.session_secret());
  peer.session->timeout = session_timeout(hello);
  on_session_(peer.id);
}

std::optional<Failure> ControlHandler::resume(Peer& peer, const RoutingId& from,
                                              const wire::Hello& hello) {
  HostSession& session = *peer.session;
  if (!equal_secret(session.secret, wire::text(hello.session_secret())))
    return failure(FailureKind::permission_denied,
                   "session '" + session.name + "' is somebody else's: its secret is another");
  if (!peer.away()) {
    sender_.control(peer.id, RequestId{},
                    failure(FailureKind::permission_denied,
                            "another connection goes on with session '" + session.name + "'"));
    on_replaced_(peer);
  }
  session.end.reset();
  session.timeout = session_timeout(hello);
  session.sent.acknowledge(hello.received());
  session.sent_data.acknowledge(hello.received_data());
  peers_.connect(peer, from);
  watch_process(peer, hello.pid());
  log_->info("OB406 host {} is back in session '{}'", peer.id.value, session.name);
  welcome(peer, hello, true);
  sender_.resend(peer);
  return std::nullopt;
}

void ControlHandler::welcome(Peer& peer, const wire::Hello& hello, bool resumed) {
  peer.name = str(hello.name());
  peer.ticket = random_bytes(kTicketBytes);
  peer.last_heard = loop_.now();
  log_->debug("OB402 peer {} ({}) said hello", peer.id.value, peer.name);
  wire::WelcomeT message;
  message.version = wire::kVersion;
  message.peer = peer.id.value;
  message.ticket = peer.ticket;
  message.heartbeat_ms = static_cast<std::uint32_t>(options_.heartbeat.count());
  message.heartbeat_misses = options_.heartbeat_misses;
  if (peer.role == wire::Role::kernel) message.window_bytes = options_.window_bytes;
  if (resumed) {
    message.resumed = true;
    message.received = peer.session->received.last();
    message.received_data = peer.session->received_data.last();
    message.last_request = peer.session->last_request.value;
  }
  sender_.control(peer.id, RequestId{}, message);
}

/// A hint only: without it, or when it is wrong, heartbeats tell.
void ControlHandler::watch_process(Peer& peer, int pid) {
  if (pid <= 0) return;
  peer.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!peer.process) return;
  try {
    peer.process_watch =
        loop_.watch(peer.process.get(), [this, id = peer.id] { on_host_died_(id); });
  } catch (const std::system_error& error) {
    log_->warn("OB405 the process of peer {} cannot be watched: {}", peer.id.value, error.what());
    peer.process.reset();
  }
}

Kernel& ControlHandler::require_kernel(std::uint64_t id) const {
  if (Kernel* kernel = kernels_.find(KernelId{id})) return *kernel;
  throw Error(FailureKind::not_found, "no kernel " + std::to_string(id) + " on this broker");
}

void ControlHandler::from_host(Peer& host, const wire::Packet& packet) {
  const wire::Message& message = packet.root();
  if (message.body_type() == Body::Pong) return heartbeats_.pong(host, *message.body_as_Pong());
  if (const auto* goodbye = message.body_as_Goodbye())
    return on_goodbye_(host.id, goodbye->end_session());
  if (const auto* done = message.body_as_Acknowledge(); done != nullptr && host.session)
    return host.session->sent.acknowledge(done->number());
  const RequestKey asker{host.id, RequestId{message.id()}};
  try {
    serve(host, asker, message);
  } catch (const Error& error) {
    sender_.control(asker.host, asker.id, error.failure());
  } catch (const std::exception& error) {
    // The system gave out: of descriptors, say. That is the asker's trouble and nobody else's.
    sender_.control(asker.host, asker.id, failure(FailureKind::overloaded, error.what()));
  }
}

void ControlHandler::serve(Peer& host, const RequestKey& asker, const wire::Message& message) {
  switch (message.body_type()) {
    case Body::Start:
      return start(asker, *message.body_as_Start());
    case Body::Attach:
      return attach(asker, *message.body_as_Attach());
    case Body::Stop:
      return stop(asker, *message.body_as_Stop());
    case Body::Signal:
      return signal(asker, *message.body_as_Signal());
    case Body::Interrupt:
      return interrupt(asker, *message.body_as_Interrupt());
    case Body::List:
      return list(asker);
    case Body::ListSpecs:
      return supervisor_.list_specs(asker);
    default:
      log_->warn("OB403 host {} sent {} on control", host.id.value,
                 wire::EnumNameBody(message.body_type()));
      throw Error(FailureKind::invalid, std::string(wire::EnumNameBody(message.body_type())) +
                                            " is nothing that a host sends on control");
  }
}

void ControlHandler::start(const RequestKey& asker, const wire::Start& body) {
  auto request = std::make_shared<wire::StartT>();
  body.UnPackTo(request.get());
  supervisor_.start(asker, std::move(request));
}

void ControlHandler::interrupt(const RequestKey& asker, const wire::Interrupt& body) {
  wire::InterruptT request;
  body.UnPackTo(&request);
  if (request.kernel != 0) return interrupts_.ask(asker, require_kernel(request.kernel), request);
  // Of a Start there is no kernel to name yet.
  wire::InterruptedT answer;
  answer.request = request.request;
  answer.host = asker.host.value;
  answer.outcome = supervisor_.take_back({asker.host, RequestId{request.request}})
                       ? wire::InterruptOutcome::cancelled
                       : wire::InterruptOutcome::already_finished;
  sender_.answer(asker, answer);
}

void ControlHandler::attach(const RequestKey& asker, const wire::Attach& body) {
  const std::string name = str(body.name());
  const Kernel* kernel =
      body.kernel() != 0 ? &require_kernel(body.kernel()) : kernels_.by_name(name);
  if (kernel == nullptr)
    throw Error(FailureKind::not_found, "no kernel named '" + name + "' on this broker");
  wire::KernelT answer;
  answer.info = std::make_unique<wire::KernelInfoT>(describe(*kernel, loop_.now()));
  sender_.answer(asker, answer);
}

void ControlHandler::stop(const RequestKey& asker, const wire::Stop& body) {
  Kernel& kernel = require_kernel(body.kernel());
  const Supervisor::Deadlines deadlines{std::chrono::milliseconds(body.exit_timeout_ms()),
                                        std::chrono::milliseconds(body.term_timeout_ms())};
  supervisor_.stop(kernel, deadlines, DeathCause::stopped, "somebody stopped it");
  supervisor_.answer_when_dead(kernel, asker);
}

void ControlHandler::signal(const RequestKey& asker, const wire::Signal& body) {
  Kernel& kernel = require_kernel(body.kernel());
  if (body.signal() <= 0 || body.signal() > SIGRTMAX)
    throw Error(FailureKind::invalid, std::to_string(body.signal()) + " is no signal");
  if (!kernel.alive()) raise(died(kernel));
  supervisor_.signal(kernel, body.signal());
  if (body.signal() == SIGKILL) return supervisor_.answer_when_dead(kernel, asker);
  sender_.answer(asker, wire::OkT{});
}

void ControlHandler::list(const RequestKey& asker) {
  wire::ListingT listing;
  kernels_.each([&](const Kernel& kernel) {
    listing.kernels.push_back(std::make_unique<wire::KernelInfoT>(describe(kernel, loop_.now())));
  });
  sender_.answer(asker, listing);
}

void ControlHandler::from_kernel(Peer& peer, Kernel& kernel, const wire::Packet& packet) {
  const wire::Message& message = packet.root();
  switch (message.body_type()) {
    case Body::Pong:
      return heartbeats_.pong(peer, *message.body_as_Pong());
    case Body::BreakReply: {
      wire::BreakReplyT reply;
      message.body_as_BreakReply()->UnPackTo(&reply);
      return interrupts_.reply(kernel, RequestId{message.id()}, reply);
    }
    case Body::Goodbye:
      return;  // its process is about to end, and that is what counts
    default:
      log_->warn("OB404 kernel {} sent {} on control", kernel.id.value,
                 wire::EnumNameBody(message.body_type()));
  }
}

}  // namespace oast::broker
