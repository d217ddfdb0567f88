#include "router.hpp"

#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "secrets.hpp"

namespace oast::broker {

namespace {

// Of one turn: control is looked at again after so many of data, or so much of it. Small messages
// are bound by their number, large ones by their bytes, and those that take long to verify by time.
constexpr int kControlBurst = 64;
constexpr int kDataBurst = 32;
constexpr std::size_t kBurstBytes = std::size_t{4} << 20;

/// What one turn may take.
class Burst {
 public:
  explicit Burst(int messages) : left_(messages) {}
  bool over() const {
    return left_ <= 0 || bytes_ >= kBurstBytes || std::chrono::steady_clock::now() >= end_;
  }
  void count(std::size_t bytes) {
    --left_;
    bytes_ += bytes;
  }

 private:
  int left_;
  std::size_t bytes_ = 0;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + EventLoop::kTurn;
};

constexpr std::chrono::seconds kExitIsSeen{1};
constexpr std::chrono::seconds kSilenceCheck{1};
/// How long the data connection of a host that left may stand, and how long it takes at most to
/// receive the last of it when others never let the socket run dry.
constexpr std::chrono::milliseconds kLastHostData{500};
constexpr std::chrono::milliseconds kFloodedHostData{40};

constexpr std::string_view kNoFrames =
    "its frames should be [to][Message] and at most 1024 buffers";

wire::Limits limits_of(const Options& options) {
  wire::Limits limits;
  limits.message_bytes = options.message_bytes;
  return limits;
}

/// What is told of an exception: the system gave out, or the fault is ours.
Failure failure_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return known->failure();
  const bool lack = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                    dynamic_cast<const std::system_error*>(&error) != nullptr ||
                    dynamic_cast<const zmq::error_t*>(&error) != nullptr;
  if (lack)
    return failure(FailureKind::overloaded, std::string("the broker lacks what it takes to serve "
                                                        "this: ") +
                                                error.what());
  return failure(FailureKind::invalid,
                 std::string("the broker could not serve this: ") + error.what());
}

}  // namespace

Router::Router(EventLoop& loop, const Options& options, zmq::context_t& context,
               const RuntimeDir& directory, const std::string& token, const std::string& inproc,
               IdSource& ids, const Logger& log)
    : loop_(loop),
      limits_(limits_of(options)),
      log_(log),
      // Nothing on control is large.
      control_(context, options.message_bytes),
      data_(context, options.frame_bytes),
      verifier_(loop, limits_,
                [this](RouterSocket& socket, Incoming& in, std::optional<std::string_view> wrong) {
                  verified(socket, in, wrong);
                }),
      events_socket_(context,
                     [this, &token](std::string_view shown, int connection) {
                       const bool admitted =
                           equal_secret(shown, token) || kernels_.by_host_token(shown) != nullptr;
                       if (admitted) filter_.proven(connection);
                       return admitted;
                     }),
      sender_(peers_, data_, control_, log),
      events_(loop, kernels_, events_socket_),
      supervisor_(loop, options, kernels_, sender_, events_, log),
      interrupts_(loop, kernels_, sender_, supervisor_),
      requests_(kernels_, sender_, events_, interrupts_),
      heartbeats_(loop, options, peers_, kernels_, sender_, events_, log),
      control_handler_(loop, options, token, ids, peers_, kernels_, sender_, supervisor_,
                       interrupts_, heartbeats_, log) {
  const auto bind = [&](auto& socket, const std::string& name) {
    filter_.add((directory.path() / (name + ".sock")).string());
    socket.bind(directory.endpoint(name));
    if (!inproc.empty()) socket.bind(inproc + name);
  };
  bind(control_, "control");
  bind(data_, "data");
  bind(events_socket_, "events");
  supervisor_.set_home({.directory = directory.path().string(),
                        .control = directory.endpoint("control"),
                        .data = directory.endpoint("data")});

  close_silent();
  sender_.on_gone([this](PeerId peer) {
    // Not at once: the caller may be visiting the tables.
    loop_.post([this, peer] { connection_gone(peer); });
  });
  supervisor_.on_death([this](Kernel& kernel) { kernel_died(kernel); });
  supervisor_.before_death([this](Kernel& kernel, const std::function<void()>& then) {
    const Peer* peer = peers_.find(peer_of(kernel.id));
    if (peer == nullptr) return then();
    verifier_.after_parked(data_, peer->data, then);
  });
  interrupts_.on_cancelled(
      [this](Kernel& kernel, RequestKey key) { requests_.cancel(kernel, key); });
  heartbeats_.on_lost([this](PeerId host) { host_gone(host, "it lost its heartbeat"); });
  control_handler_.on_goodbye([this](PeerId host) { host_leaves(host, "it said goodbye"); });
  control_handler_.on_host_died([this](PeerId host) { host_leaves(host, "its process ended"); });

  loop.on_exception(
      [this](const char* what) { log_->error("OB513 a callback of the loop threw: {}", what); });
  loop.add_source(control_.fd(), [this] { return control_turn(); });
  loop.add_source(data_.fd(), [this] { return data_turn(); });
  loop.add_source(events_socket_.fd(), [this] { return events_socket_.receive(); });
}

void Router::close_silent() {
  silence_timer_ = loop_.after(kSilenceCheck, [this] { close_silent(); });
  const auto [refused, closed] = filter_.close_silent();
  if (refused + closed == 0) return;
  log_->warn("OB514 connections: {} refused, too many or too few descriptors; {} closed, silent",
             refused, closed);
}

bool Router::control_turn() { return receive(control_, kControlBurst).any; }

bool Router::data_turn() {
  supervisor_.probe_exited();
  probe_leaving();
  const bool ending = requests_.turn();
  const auto [any, dry] = receive(data_, kDataBurst);
  return (dry && let_ended_go()) || any || ending;
}

Router::Received Router::receive(RouterSocket& socket, int most) {
  Incoming in;
  bool any = false;
  for (Burst burst(most); !burst.over(); any = true) {
    const auto received = socket.receive(in);
    if (received == RouterSocket::Received::nothing) return {any, true};
    burst.count(in.packet.bytes());
    Peer* peer = peer_at(socket, in.from);
    if (peer != nullptr && &socket == &control_) peer->last_heard = loop_.now();
    if (received == RouterSocket::Received::message) {
      guarded(socket, in, [&] { verifier_.verify(socket, in); });
    } else if (peer != nullptr) {
      malformed(*peer, socket, in, kNoFrames);
    } else {
      log_->debug("OB501 a stranger's frames that are no message were dropped");
    }
  }
  return {any, false};
}

void Router::verified(RouterSocket& socket, Incoming& in, std::optional<std::string_view> wrong) {
  guarded(socket, in, [&] {
    if (wrong) return unverified(socket, in, *wrong);
    if (&socket == &control_) return handle_control(in);
    handle_data(in);
  });
}

/// A lack of something, or a fault of ours, costs the message that met it. A kernel's answer that
/// cannot be passed on ends its request all the same.
template <class Work>
void Router::guarded(RouterSocket& socket, Incoming& in, const Work& work) {
  const RequestId id = wire::read_head(in.packet).id;
  try {
    work();
  } catch (const std::exception& error) {
    const Failure why = failure_of(error);
    const Peer* peer = peers_.by_data(in.from);
    Kernel* kernel =
        &socket != &data_ || peer == nullptr ? nullptr : kernels_.find(KernelId{peer->id.value});
    if (kernel == nullptr) return failed(socket, in.from, id, why);
    log_->error("OB512 a message of kernel {} was lost: {}", kernel->id.value, why.message);
    requests_.lost(*kernel, {in.to, id}, why);
  }
}

Peer* Router::peer_at(const RouterSocket& socket, const RoutingId& from) {
  return &socket == &control_ ? peers_.by_control(from) : peers_.by_data(from);
}

void Router::failed(RouterSocket& socket, const RoutingId& from, RequestId id, const Failure& why) {
  log_->error("OB511 a message could not be served: {}", why.message);
  socket.send(from, PeerId{}, wire::pack(id, why));
}

void Router::handle_control(Incoming& in) {
  Peer* peer = peers_.by_control(in.from);
  if (peer == nullptr) {
    const auto* hello = in.packet.root().body_as_Hello();
    if (hello == nullptr) {
      // Of a peer that just left, these may still be under way.
      const auto body = in.packet.root().body_type();
      const bool late = body == wire::Body::Goodbye || body == wire::Body::Pong;
      log_->log(late ? spdlog::level::debug : spdlog::level::warn,
                "OB504 a stranger sent {} before hello: dropped", wire::EnumNameBody(body));
      return;
    }
    if (const auto refusal = control_handler_.hello(in.from, *hello))
      control_.send(in.from, PeerId{}, wire::pack(RequestId{in.packet.root().id()}, *refusal));
    else
      filter_.proven(in.connection());
    return;
  }
  if (peer->role == wire::Role::kernel) {
    if (Kernel* kernel = kernels_.find(KernelId{peer->id.value}))
      control_handler_.from_kernel(*peer, *kernel, in.packet);
  } else {
    control_handler_.from_host(*peer, in.packet);
  }
}

void Router::unverified(RouterSocket& socket, Incoming& in, std::string_view wrong) {
  if (Peer* peer = peer_at(socket, in.from)) return malformed(*peer, socket, in, wrong);
  log_->warn("OB503 a stranger sent bytes that are no message: {}", wrong);
}

void Router::handle_data(Incoming& in) {
  Peer* peer = peers_.by_data(in.from);
  if (peer == nullptr) return first_on_data(in);
  const RequestId id{in.packet.root().id()};
  const char* body = wire::EnumNameBody(in.packet.root().body_type());
  if (peer->role == wire::Role::kernel) {
    Kernel* kernel = kernels_.find(KernelId{peer->id.value});
    if (kernel != nullptr && !requests_.from_kernel(*kernel, in.to, std::move(in.packet)))
      log_->warn("OB506 kernel {} sent {} on data: dropped", kernel->id.value, body);
  } else if (in.packet.root().body_type() == wire::Body::Goodbye) {
    peer->data_ended = true;
    sender_.data(peer->id, PeerId{}, wire::pack(id, wire::OkT{}));
  } else if (peer->role == wire::Role::monitor ||
             !requests_.from_host(*peer, in.to, std::move(in.packet))) {
    sender_.fail(
        {peer->id, id},
        failure(FailureKind::invalid, std::string(body) + " is nothing that it may send on data"));
  }
}

void Router::first_on_data(Incoming& in) {
  const auto* join = in.packet.root().body_as_Join();
  Peer* peer = join == nullptr ? nullptr : peers_.find(PeerId{join->peer()});
  const std::vector<std::uint8_t> ticket =
      join == nullptr || join->ticket() == nullptr
          ? std::vector<std::uint8_t>{}
          : std::vector<std::uint8_t>(join->ticket()->begin(), join->ticket()->end());
  if (peer == nullptr || ticket.empty() || peer->ticket != ticket) {
    log_->warn("OB507 a stranger on data had no valid ticket");
    const Failure refusal =
        failure(FailureKind::permission_denied,
                "the first message on data must be Join with the ticket of Welcome");
    data_.send(in.from, PeerId{}, wire::pack(RequestId{in.packet.root().id()}, refusal));
    return;
  }
  filter_.proven(in.connection());
  peers_.join(*peer, in.from);
  sender_.data(peer->id, PeerId{}, wire::pack(RequestId{}, wire::JoinedT{}));
  if (Kernel* kernel = kernels_.find(KernelId{peer->id.value})) supervisor_.registered(*kernel);
}

/// A kernel that cannot be reached can answer nobody. Most often its process has ended, which is
/// about to be known, with the reason.
void Router::connection_gone(PeerId peer) {
  Kernel* kernel = kernels_.find(KernelId{peer.value});
  if (kernel == nullptr) return host_leaves(peer, "its connection is gone");
  if (!kernel->serving() || kernel->lost_deadline) return;
  kernel->lost_deadline = loop_.after(kExitIsSeen, [this, kernel] {
    supervisor_.kill(*kernel, DeathCause::lost_heartbeat, "its connection broke and it was killed");
  });
}

/// It costs its sender: a host hears of it, with its id where that can be read; a kernel whose
/// answers cannot be understood is ended, so that nobody waits for them.
void Router::malformed(Peer& peer, RouterSocket& socket, const Incoming& in, std::string_view why) {
  const std::string text(why);
  Kernel* kernel = kernels_.find(KernelId{peer.id.value});
  if (why == wire::kUnknownBody) {
    // A later version's: no fault, but nothing that can be served.
    log_->info("OB510 peer {} ({}) sent a body of an unknown type", peer.id.value, peer.name);
    auto answer =
        wire::pack(RequestId{in.packet.root().id()}, failure(FailureKind::unimplemented, text));
    if (kernel == nullptr)
      socket.send(in.from, PeerId{}, std::move(answer));
    else if (&socket == &data_)
      requests_.from_kernel(*kernel, in.to, std::move(answer));  // it may end a request
    return;
  }
  log_->warn("OB508 peer {} ({}) sent a malformed message: {}", peer.id.value, peer.name, text);
  if (kernel != nullptr) {
    supervisor_.kill(*kernel, DeathCause::stopped, "it sent a malformed message: " + text);
    return;
  }
  const auto refusal = failure(FailureKind::invalid, "a malformed message: " + text);
  socket.send(in.from, PeerId{}, wire::pack(wire::read_head(in.packet).id, refusal));
}

/// It is gone when all that it had sent on data was received: what it asked for last counts.
void Router::host_leaves(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr || peer->role == wire::Role::kernel || leaving_.contains(host)) return;
  if (!peer->joined() || peer->data_ended) return host_gone(host, how);
  peer->process_watch.reset();  // it would call again and again
  leaving_[host] = {.how = how, .data_closed = false, .deadline = gone_after(kLastHostData, host)};
  // Nothing may come that would make the loop look.
  loop_.post([] {});
}

EventLoop::Handle Router::gone_after(std::chrono::milliseconds time, PeerId host) {
  return loop_.after(time, [this, host] {
    if (const auto at = leaving_.find(host); at != leaving_.end()) host_gone(host, at->second.how);
  });
}

void Router::probe_leaving() {
  for (auto& [host, leaving] : leaving_) {
    if (leaving.data_closed || sender_.probe_data(host)) continue;
    leaving.data_closed = true;
    leaving.deadline = gone_after(kFloodedHostData, host);
  }
}

/// To be called when all was received that had come.
bool Router::let_ended_go() {
  const bool kernels = supervisor_.bury_exited();
  return let_leaving_go() || kernels;
}

bool Router::let_leaving_go() {
  std::vector<std::pair<PeerId, const char*>> gone;
  for (const auto& [host, leaving] : leaving_)
    if (leaving.data_closed) gone.emplace_back(host, leaving.how);
  for (const auto& [host, how] : gone) host_gone(host, how);
  return !gone.empty();
}

/// Not before all that was received from it has been served.
void Router::host_gone(PeerId host, const char* how) {
  Peer* peer = peers_.find(host);
  if (peer == nullptr || peer->role == wire::Role::kernel) return;
  leaving_.erase(host);
  peer->process_watch.reset();  // it would call again and again
  verifier_.after_parked(data_, peer->data, [this, host, how] { host_left(host, how); });
}

void Router::host_left(PeerId host, const char* how) {
  const Peer* peer = peers_.find(host);
  if (peer == nullptr) return;
  log_->info("OB509 peer {} ({}) left: {}", host.value, peer->name, how);
  peers_.remove(host);
  requests_.host_left(host);
  supervisor_.owner_left(host);
}

void Router::kernel_died(Kernel& kernel) {
  requests_.kernel_died(kernel);
  interrupts_.kernel_died(kernel);
  peers_.remove(peer_of(kernel.id));
  std::vector<PeerId> within;
  peers_.each([&](const Peer& peer) {
    if (peer.within == kernel.id) within.push_back(peer.id);
  });
  for (const PeerId host : within) host_gone(host, "the kernel that it is part of died");
}

}  // namespace oast::broker
