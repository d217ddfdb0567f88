#include "session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <new>

#include "interruptible_wait.hpp"
#include "messages.hpp"
#include "output_scope.hpp"
#include "thread.hpp"

namespace oast::detail {

namespace {

using std::chrono::milliseconds;

/// How long a closing host waits for its broker to receive what it sent: a broker that hangs is not
/// worth more.
constexpr std::chrono::seconds kDelivery{5};

thread_local int callback_depth = 0;

struct CallbackScope {
  CallbackScope() { ++callback_depth; }
  ~CallbackScope() { --callback_depth; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;
};

Failure gone(const std::string& why) {
  return {.kind = FailureKind::disconnected,
          .message = "the broker is gone: " + why,
          .type = {},
          .traceback = {},
          .death = {}};
}

/// Of what is caught and nobody waits for. To be called while it is handled.
void complain(const char* what) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oast: %s: %s\n", what, error.what());
  } catch (...) {
    std::fprintf(stderr, "oast: %s: an exception of an unknown type\n", what);
  }
}

/// No answer, and no bytes, are the end of input.
wire::Packet input_reply(RequestId id, std::uint64_t ask, const std::optional<std::string>& answer,
                         bool is_block) {
  wire::InputReplyT reply;
  reply.ask = ask;
  if (!answer || (is_block && answer->empty()))
    reply.eof = true;
  else if (is_block)
    reply.bytes.assign(answer->begin(), answer->end());
  else
    reply.text = *answer;
  return wire::pack(id, reply, wire::kNumberLater);
}

}  // namespace

std::shared_ptr<Session> Session::open(BrokerEndpoint endpoint, const std::string& name,
                                       milliseconds timeout,
                                       std::unique_ptr<Resumption> resumption) {
  auto connection =
      wire::dial(endpoint.context(), endpoint.control, endpoint.data,
                 hello(endpoint, name, resumption.get()), timeout, throw_if_interrupted);
  if (connection.resumed) resumption->go_on_after(connection);
  std::shared_ptr<Session> session(new Session(  // NOLINT
      std::move(endpoint), name, std::move(connection), std::move(resumption)));
  session->connection_.start();
  return session;
}

Session::Session(BrokerEndpoint endpoint, std::string name, wire::Connection connection,
                 std::unique_ptr<Resumption> resumption)
    : endpoint_(std::move(endpoint)),
      name_(std::move(name)),
      resumption_(std::move(resumption)),
      resumed_(connection.resumed),
      last_id_(connection.last_request.value),
      memory_(
          std::make_shared<ReceivedMemory>([this](milliseconds time, std::function<void()> task) {
            connection_.control().after(time, std::move(task));
          })),
      connection_(
          endpoint_, std::move(connection),
          {.on_data = [this](wire::Addressed&& message) { on_data(std::move(message)); },
           .on_data_refused = [this](const wire::Refused& refused) { on_data_refused(refused); },
           .on_control = [this](wire::Addressed&& message) { on_control(std::move(message)); },
           .on_control_refused = [this](const wire::Refused& refused) { refuse(refused); },
           .on_sent = [this] { attend(); },
           .on_lost = [this](const std::string& why) { on_lost(why); },
           .redial = resumption_ ? [this](std::string& why) { return redial(why); }
                                 : ControlConnection::Redial{}}) {}

Session::~Session() { memory_->close(); }

void Session::close() {
  deliver_all();
  connected_ = false;
  memory_->close();
  connection_.stop(for_good_);
  end_all("the connection was closed");
  connection_.join();
  if (endpoint_.embedded) endpoint_.embedded->stop();
}

/// Until the broker has received all that was sent on data: it answers a Goodbye there after that.
void Session::deliver_all() noexcept try {
  if (!connected_ || cut_) return;
  // Whoever goes on with the session is not to get again what was done with here.
  if (resumption_)
    for (const auto& [kernel, number] : acknowledgements_.all_done()) acknowledge(kernel, number);
  const auto goodbye = make_request({});
  if (!register_request(goodbye)) return;
  connection_.data().send(PeerId{}, wire::pack(goodbye->id(), wire::GoodbyeT{}));
  connection_.data().wait([&] { return goodbye->ready(); }, Clock::now() + kDelivery);
} catch (const std::exception&) {
  // No memory, say: it leaves without knowing.
}

void Session::send_control(wire::Packet packet) {
  if (resumption_) return resumption_->send(connection_, std::move(packet));
  wire::set_number(packet, 0);
  connection_.control().send(std::move(packet));
}

void Session::send_data(PeerId to, wire::Packet packet) {
  if (resumption_) return resumption_->send_data(connection_, to, std::move(packet));
  wire::set_number(packet, 0);
  connection_.data().send(to, std::move(packet));
}

bool Session::in_callback() { return callback_depth > 0; }

std::shared_ptr<Request> Session::make_request(std::shared_ptr<KernelHandle> kernel) {
  return std::make_shared<Request>(shared_from_this(), RequestId{++last_id_}, std::move(kernel));
}

bool Session::register_request(const std::shared_ptr<Request>& request) {
  if (requests_.add(request)) return true;
  request->abort(gone("the connection ended"));
  return false;
}

Future<Value> Session::submit(const std::shared_ptr<KernelHandle>& kernel,
                              const Evaluator::Request& asked, EvalOptions options) {
  const auto death = kernel->death();
  if (asked.reply == Evaluator::Request::Reply::nothing) {
    if (death) raise({FailureKind::kernel_died, death->explanation, {}, {}, *death});
    if (!connected_) raise(gone("the connection ended"));
    send_data(peer_of(kernel->id()), build(RequestId{++last_id_}, asked, options));
    attend();
    return {};
  }
  auto request = make_request(kernel);
  if (death) {
    request->abort({FailureKind::kernel_died, death->explanation, {}, {}, *death});
    return Future<Value>(std::move(request));
  }
  const bool own = options.on_output || options.on_input;
  if (own) {
    request->set_callbacks(std::make_unique<const Request::Callbacks>(
        Request::Callbacks{std::move(options.on_output), std::move(options.on_input)}));
  }
  send_data(request, [&](RequestId id) { return build(id, asked, options); });
  // After the send, so that the background does not take the socket before it.
  if (!asked.blocking && (own || kernel->has_callbacks())) request->expect_promptly();
  if (!asked.blocking) attend();
  return Future<Value>(std::move(request));
}

bool Session::wait(const Request& request, std::optional<Clock::time_point> deadline) {
  return wait_for([&request] { return request.ready(); }, deadline);
}

void Session::acknowledge(PeerId kernel, std::optional<std::uint64_t> number, RequestId reader) {
  if (!number || !connected_) return;
  wire::AcknowledgeT done;
  done.kernel = kernel.value;
  done.number = *number;
  done.reader = reader.value;
  connection_.data().send(PeerId{}, wire::pack(RequestId{}, done));
  attend();
}

void Session::begin_haste() {
  if (haste_++ == 0) connection_.data().notify();
}

void Session::cancel(const Request& request) {
  if (request.kernel()) interrupt(request.id(), request.kernel()->id(), milliseconds(1));
}

/// An interrupt on control may overtake its request on data, and then finds nothing. So it is
/// repeated until the request has ended, with twice the patience each time.
void Session::interrupt(RequestId id, KernelId kernel, milliseconds patience) {
  wire::InterruptT asked;
  asked.kernel = kernel.value;
  asked.request = id.value;
  auto interrupted = ask(asked);
  const std::weak_ptr<Request> weak = interrupted;
  interrupted->Pending::then([=, this] {
    const auto answered = weak.lock();
    if (!answered || connection_.stopping() || !requests_.contains(id)) return;
    const auto* outcome = answered->find_reply<wire::Interrupted>();
    if (outcome == nullptr || (outcome->outcome() != wire::InterruptOutcome::already_finished &&
                               outcome->outcome() != wire::InterruptOutcome::nothing_running))
      return;
    connection_.control().after(patience, [=, this] {
      if (requests_.contains(id)) interrupt(id, kernel, std::min(patience * 2, milliseconds(100)));
    });
  });
}

std::shared_ptr<Request> Session::start_and_wait(const wire::StartT& asked) {
  auto request = ask(asked);
  try {
    request->wait(std::nullopt);
  } catch (const Error&) {
    take_back(request);
    throw;
  }
  static_cast<void>(request->value());
  return request;
}

void Session::take_back(const std::shared_ptr<Request>& start) {
  wire::InterruptT interrupt;
  interrupt.request = start->id().value;
  ask(interrupt);
  // Where the kernel has registered meanwhile, nobody knows of it.
  const std::weak_ptr<Request> weak = start;
  start->Pending::then([=, this] {
    const auto answered = weak.lock();
    const auto* kernel = answered ? answered->find_reply<wire::Kernel>() : nullptr;
    if (kernel != nullptr) ask(stop_request(read(*kernel).id, kLastStop));
  });
}

void Session::adopt(const std::shared_ptr<KernelHandle>& kernel) {
  {
    const std::lock_guard lock(adopted_mutex_);
    for (auto at = adopted_.begin(); at != adopted_.end();) {
      std::erase_if(at->second, [](const auto& state) { return state.expired(); });
      if (at->second.empty()) acknowledge(at->first, acknowledgements_.forget(at->first));
      at = at->second.empty() ? adopted_.erase(at) : std::next(at);
    }
    adopted_[peer_of(kernel->id())].push_back(kernel);
  }
  // The session may have come back while nobody here knew of the kernel. Now that it is known: if
  // it comes back once more meanwhile, that asks.
  if (resumable()) ask_for_missed(kernel->id());
}

std::vector<std::shared_ptr<KernelHandle>> Session::adopted(PeerId kernel) {
  const std::lock_guard lock(adopted_mutex_);
  std::vector<std::shared_ptr<KernelHandle>> result;
  const auto at = adopted_.find(kernel);
  if (at == adopted_.end()) return result;
  for (const auto& weak : at->second)
    if (auto state = weak.lock()) result.push_back(std::move(state));
  return result;
}

void Session::on_data(wire::Addressed&& message) noexcept try {
  const CallbackScope scope;
  const wire::Message& root = message.packet.root();
  const RequestId id{root.id()};
  if (resumption_ && cuts_off(message)) return connection_.control().break_off();
  if (!is_new(message)) return;
  if ((message.route.reader || !message.peer) && logs_.take_in(message)) {
    connection_.data().notify();
    return;
  }
  if (root.body_type() == wire::Body::Output)
    return on_output(message.peer, id, std::move(message.packet));
  if (const auto* asked = root.body_as_Acknowledge(); asked != nullptr && !message.peer)
    return on_asked(*asked);
  if (const auto* gap = root.body_as_Gap()) return on_gap(*gap);
  const RecordKey record{message.peer, message.peer ? root.number() : 0};
  const std::size_t bytes = message.packet.bytes();
  if (const auto* asked = root.body_as_InputRequest()) {
    on_input_request(message.peer, id, *asked);
  } else if (const auto request = requests_.take(id, message.peer)) {
    request->answer(std::move(message.packet), message.peer);
  }
  acknowledge(record.kernel, acknowledgements_.done(record, bytes));
} catch (...) {
  complain("a message of a kernel was lost");
}

void Session::on_asked(const wire::Acknowledge& asked) {
  if (asked.kernel() == 0) {
    if (resumption_) resumption_->acknowledge_data(asked.number());
    return;
  }
  const RecordKey record{PeerId{asked.kernel()}, asked.number()};
  acknowledge(record.kernel, acknowledgements_.asked(record));
}

void Session::refuse(const wire::Refused& refused) {
  const CallbackScope scope;
  const auto request = requests_.take(refused.head.id, refused.peer);
  if (!request) return;
  request->abort(refused.failure("this host"));
  connection_.data().notify();
}

void Session::on_data_refused(const wire::Refused& refused) noexcept try {
  if (refused.route.reader && logs_.take_in(refused)) return connection_.data().notify();
  if (resumption_ && !resumption_->take_data(connection_, refused.peer, refused.head.number, 0))
    return;
  switch (refused.head.body) {
    case wire::Body::Output:
      try {
        raise(refused.failure("this host"));
      } catch (...) {
        return requests_.spoil(refused.head.id, std::current_exception());
      }
    case wire::Body::InputRequest:
      return send_data(refused.peer, input_reply(refused.head.id, 0, std::nullopt, false));
    default:
      return refuse(refused);
  }
} catch (...) {
  complain("a message that cannot be read was lost");
}

/// It is done with when its callback has returned and nobody holds it.
void Session::on_output(PeerId kernel, RequestId id, wire::Packet&& packet) noexcept {
  OutputScope scope(*this, {kernel, packet.root().number()}, packet.bytes());
  deliver_output(kernel, id, std::move(packet));
}

/// What the callback throws, and a lack of memory, is the request's, whose answer is still to come.
void Session::deliver_output(PeerId kernel, RequestId id, wire::Packet&& packet) noexcept try {
  const std::vector<Buffer> buffers = memory_->share(std::move(packet.buffers));
  const Output output = read(*packet.root().body_as_Output(), buffers);
  if (const auto request = requests_.find(id, kernel)) return request->output(output);
  for (const auto& state : adopted(kernel)) state->output(nullptr, output);
} catch (...) {
  if (requests_.find(id, kernel))
    requests_.spoil(id, std::current_exception());
  else
    complain("output that belongs to no open request was lost");
}

void Session::on_input_request(PeerId kernel, RequestId id, const wire::InputRequest& asked) {
  try {
    if (answer_input(kernel, id, asked)) return;
  } catch (const std::exception&) {
    // No memory, or no thread to be had: nor an answer.
  }
  send_data(kernel, input_reply(id, asked.ask(), std::nullopt, false));
}

bool Session::answer_input(PeerId kernel, RequestId id, const wire::InputRequest& asked) {
  InputCallback callback;
  if (const auto request = requests_.find(id, kernel)) {
    callback = request->on_input();
  } else {
    for (const auto& state : adopted(kernel))
      if (!callback) callback = state->on_input();
  }
  if (!callback) return false;
  // Nobody waits for this thread: the callback may sit at a terminal for ever.
  start_thread("oast-input", [weak = weak_from_this(), kernel, id, ask = asked.ask(), callback,
                              request = InputRequest{std::string(wire::text(asked.prompt())),
                                                     asked.password(), asked.block_bytes()}] {
    wire::Packet reply;
    try {
      reply = input_reply(id, ask, callback(request), request.block_bytes != 0);
    } catch (...) {  // counts as end of input, as InputCallback says
      reply = input_reply(id, ask, std::nullopt, false);
    }
    if (const auto session = weak.lock()) {
      session->send_data(kernel, std::move(reply));
      session->attend();
    }
  }).detach();
  return true;
}

void Session::on_control(wire::Addressed&& message) {
  const CallbackScope scope;
  const RequestId id{message.packet.root().id()};
  if (resumption_) {
    const wire::Message& root = message.packet.root();
    if (!resumption_->take(connection_, root.number(), message.packet.bytes())) return;
    if (const auto* done = root.body_as_Acknowledge())
      return resumption_->acknowledge(done->number());
  }
  if (logs_.take_in(message)) return connection_.data().notify();
  if (const auto request = requests_.take(id, PeerId{})) {
    request->answer(std::move(message.packet), PeerId{});
    connection_.data().notify();  // who waits for it does not wait for this thread
    return;
  }
  // A complaint about no request in particular: the broker counts us as gone.
  if (resumption_ && cuts_off(message)) return connection_.control().break_off();
  const auto* failure = message.packet.root().body_as_Failure();
  if (failure != nullptr && !id &&
      (failure->kind() == wire::FailureKind::permission_denied ||
       failure->kind() == wire::FailureKind::disconnected))
    on_lost(std::string(wire::text(failure->message())));
}

void Session::end_logs(const std::string& why) noexcept try {
  logs_.fail_all(gone(why));
} catch (const std::exception&) {
  complain("the readers of logs were not told that the connection ended");
}

void Session::on_lost(const std::string& why) {
  const CallbackScope scope;
  connected_ = false;
  end_all(why);
}

void Session::end_all(const std::string& why) noexcept {
  requests_.close();
  end_logs(why);
  while (const auto request = requests_.take_any()) {
    Failure failure{
        .kind = FailureKind::disconnected, .message = {}, .type = {}, .traceback = {}, .death = {}};
    try {
      failure = gone(why);
    } catch (const std::bad_alloc&) {
      // It ends without words.
    }
    request->abort(std::move(failure));
  }
  connection_.data().notify();
}

}  // namespace oast::detail
