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
/// Of the outbox of a kernel that died: some hundred short records.
constexpr std::size_t kLastWordsBytes = std::size_t{64} << 10;

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

constexpr std::chrono::seconds kSilenceCheck{1};
constexpr std::string_view kNoFrames =
    "its frames should be [to][Message] and at most 1024 buffers";

wire::Limits limits_of(const Options& options) {
  wire::Limits limits;
  limits.message_bytes = options.message_bytes;
  return limits;
}

/// Whether it is higher than all before.
bool note_id(HostSession& session, RequestId id) {
  if (id.value <= session.last_request.value) return false;
  session.last_request = id;
  return true;
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
      last_data_(loop, peers_, sender_, verifier_, data_),
      events_(loop, kernels_, events_socket_),
      delivery_(loop, options, kernels_, sender_, log),
      supervisor_(loop, options, ids, kernels_, sender_, events_, last_data_, log),
      interrupts_(loop, kernels_, sender_, supervisor_),
      deadlines_(loop, kernels_, interrupts_, supervisor_),
      requests_(kernels_, sender_, delivery_, events_, interrupts_, deadlines_),
      departures_(loop, peers_, kernels_, last_data_, sender_, delivery_, requests_, interrupts_,
                  supervisor_, log),
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
    const Peer* found = peers_.find(peer);
    if (found == nullptr) return;
    // Not at once: the caller may be visiting the tables.
    loop_.post([this, peer, connection = found->connection] {
      const Peer* same = peers_.find(peer);
      if (same != nullptr && same->connection == connection) departures_.connection_gone(peer);
    });
  });
  supervisor_.on_last_words([this](Kernel& kernel) { return read_last_words(kernel); });
  supervisor_.on_death([this](Kernel& kernel) { departures_.kernel_died(kernel); });
  interrupts_.on_cancelled([this](Kernel& kernel, RequestKey key) {
    requests_.cancel(kernel, key, failure(FailureKind::interrupted, "cancelled while queued"));
  });
  deadlines_.on_expired([this](Kernel& kernel, RequestKey key, const Failure& why) {
    requests_.cancel(kernel, key, why);
  });
  heartbeats_.on_lost(
      [this](PeerId host) { departures_.host_gone(host, "it lost its heartbeat"); });
  heartbeats_.on_crowded([this](PeerId host) {
    log_->warn("OB519 the session of host {} ends: it does not acknowledge its answers",
               host.value);
    departures_.session_ends(host);
  });
  control_handler_.on_goodbye([this](PeerId host, bool for_good) {
    if (for_good) return departures_.session_ends(host);
    departures_.host_leaves(host, "it said goodbye");
  });
  control_handler_.on_replaced([this](Peer& host) { departures_.host_replaced(host); });
  control_handler_.on_session([this](PeerId host) { delivery_.session_opened(host); });
  control_handler_.on_host_died(
      [this](PeerId host) { departures_.host_leaves(host, "its process ended"); });

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
  last_data_.probe();
  const bool ending = requests_.turn();
  const bool reading = delivery_.turn();
  const auto [any, dry] = receive(data_, kDataBurst);
  return (dry && last_data_.finish_closed()) || any || ending || reading;
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
  const wire::Head head = wire::read_head(in.packet);
  try {
    work();
  } catch (const std::exception& error) {
    const Failure why = failure_of(error);
    const Peer* peer = peers_.by_data(in.from);
    Kernel* kernel =
        &socket != &data_ || peer == nullptr ? nullptr : kernels_.find(KernelId{peer->id.value});
    if (kernel == nullptr) return failed(socket, in.from, head.id, why);
    log_->error("OB512 a message of kernel {} was lost: {}", kernel->id.value, why.message);
    requests_.lost(*kernel, {in.to, head.id}, head.number, why);
  }
}

Peer* Router::peer_at(const RouterSocket& socket, const RoutingId& from) {
  return &socket == &control_ ? peers_.by_control(from) : peers_.by_data(from);
}

void Router::failed(RouterSocket& socket, const RoutingId& from, RequestId id, const Failure& why) {
  log_->error("OB511 a message could not be served: {}", why.message);
  const Peer* peer = peer_at(socket, from);
  if (peer == nullptr)
    socket.send(from, PeerId{}, wire::pack(id, why));
  else if (&socket == &control_)
    sender_.control(peer->id, id, why);
  else
    sender_.fail({peer->id, id}, why);
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
  if (!is_new(*peer, &HostSession::received, in.packet)) return;
  if (peer->role == wire::Role::kernel) {
    if (Kernel* kernel = kernels_.find(KernelId{peer->id.value}))
      control_handler_.from_kernel(*peer, *kernel, in.packet);
  } else {
    if (peer->session) note_id(*peer->session, RequestId{in.packet.root().id()});
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
  if (!is_new(*peer, &HostSession::received_data, in.packet)) return;
  const RequestId id{in.packet.root().id()};
  const char* body = wire::EnumNameBody(in.packet.root().body_type());
  if (peer->role == wire::Role::kernel) {
    Kernel* kernel = kernels_.find(KernelId{peer->id.value});
    if (kernel != nullptr && !from_kernel(*kernel, in.to, std::move(in.packet)))
      log_->warn("OB506 kernel {} sent {} on data: dropped", kernel->id.value, body);
  } else if (in.packet.root().body_type() == wire::Body::Goodbye) {
    peer->data_ended = true;
    sender_.data(peer->id, PeerId{}, wire::pack(id, wire::OkT{}));
  } else if (peer->role == wire::Role::host && about_log(*peer, in.packet)) {
    return;
  } else if (sent_again(*peer, {peer->id, id}, in.to, in.packet.root().body_type())) {
    log_->debug("OB518 host {} sent request {} again", peer->id.value, id.value);
  } else if (peer->role == wire::Role::monitor ||
             !requests_.from_host(*peer, in.to, std::move(in.packet))) {
    sender_.fail(
        {peer->id, id},
        failure(FailureKind::invalid, std::string(body) + " is nothing that it may send on data"));
  }
}

bool Router::read_last_words(Kernel& kernel) {
  if (!kernel.records || !kernel.process) return false;
  const auto serve = [&](PeerId to, wire::Packet&& packet) {
    if (const auto wrong = wire::verify(packet, limits_)) {
      log_->warn("OB520 the outbox of kernel {} holds no message: {}", kernel.id.value, *wrong);
      return false;
    }
    const std::uint64_t number = packet.root().number();
    const auto next = kernel.records->log.end();
    return number == next && requests_.from_kernel(kernel, to, std::move(packet)) &&
           kernel.records->log.end() > next;
  };
  return kernel.process->outbox().read(kernel.records->log.end(), kLastWordsBytes, serve);
}

bool Router::is_new(Peer& peer, wire::ReceivedMessages HostSession::*received,
                    const wire::Packet& packet) {
  if (!peer.session) return true;
  const bool fresh = ((*peer.session).*received).take(packet.root().number(), packet.bytes());
  sender_.acknowledge(peer, false);
  return fresh;
}

/// What answers a request of the kernel has the id of a request that is open, and is none.
bool Router::sent_again(Peer& host, RequestKey key, PeerId to, wire::Body body) {
  if (!host.session || body == wire::Body::InputReply) return false;
  if (note_id(*host.session, key.id)) return false;
  const KernelId id{to.value};
  const Kernel* kernel = kernels_.find(id);
  return (kernel != nullptr && kernel->queue.find(key) != nullptr) ||
         delivery_.answer_waits(id, key);
}

bool Router::from_kernel(Kernel& kernel, PeerId to, wire::Packet&& packet) {
  try {
    return requests_.from_kernel(kernel, to, std::move(packet));
  } catch (const WrongNumber& wrong) {
    supervisor_.kill(kernel, DeathCause::protocol_error, wrong.what());
    return true;
  }
}

bool Router::about_log(const Peer& host, const wire::Packet& packet) {
  const wire::Message& message = packet.root();
  const RequestKey key{host.id, RequestId{message.id()}};
  switch (message.body_type()) {
    case wire::Body::Acknowledge:
      acknowledge(host, *message.body_as_Acknowledge());
      return true;
    case wire::Body::Resume:
      if (const auto* kernels = message.body_as_Resume()->kernels(); kernels && host.session)
        for (const auto* seen : *kernels)
          delivery_.resume(host.id, KernelId{seen->kernel()}, seen->number());
      return true;
    case wire::Body::ReadLog:
      try {
        delivery_.read_log(key, *message.body_as_ReadLog());
      } catch (const Error& error) {
        sender_.data(host.id, PeerId{}, wire::pack(key.id, error.failure()));
      }
      return true;
    case wire::Body::CloseLog:
      delivery_.close_log({host.id, RequestId{message.body_as_CloseLog()->reader()}});
      return true;
    default:
      return false;
  }
}

void Router::acknowledge(const Peer& host, const wire::Acknowledge& body) {
  if (body.kernel() != 0 || body.reader() != 0) return delivery_.acknowledge(host.id, body);
  if (host.session) host.session->sent_data.acknowledge(body.number());
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
  if (peer->session) sender_.resend_data(*peer);
  if (Kernel* kernel = kernels_.find(KernelId{peer->id.value})) {
    delivery_.open(*kernel);
    supervisor_.registered(*kernel);
  }
}

/// It costs its sender: a host hears of it, with its id where that can be read; a kernel whose
/// answers cannot be understood is ended, so that nobody waits for them.
void Router::malformed(Peer& peer, RouterSocket& socket, const Incoming& in, std::string_view why) {
  const std::string text(why);
  Kernel* kernel = kernels_.find(KernelId{peer.id.value});
  if (why == wire::kUnknownBody) {
    // A later version's: no fault, but nothing that can be served.
    log_->info("OB510 peer {} ({}) sent a body of an unknown type", peer.id.value, peer.name);
    const wire::Message& message = in.packet.root();
    auto answer = wire::pack(RequestId{message.id()}, failure(FailureKind::unimplemented, text),
                             message.number());
    if (kernel == nullptr)
      socket.send(in.from, PeerId{}, std::move(answer));
    else if (&socket == &data_)
      from_kernel(*kernel, in.to, std::move(answer));  // it may end a request
    return;
  }
  log_->warn("OB508 peer {} ({}) sent a malformed message: {}", peer.id.value, peer.name, text);
  if (kernel != nullptr) {
    supervisor_.kill(*kernel, DeathCause::protocol_error, "it sent a malformed message: " + text);
    return;
  }
  const auto refusal = failure(FailureKind::invalid, "a malformed message: " + text);
  socket.send(in.from, PeerId{}, wire::pack(wire::read_head(in.packet).id, refusal));
}

}  // namespace oast::broker
