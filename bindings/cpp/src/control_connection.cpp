#include "control_connection.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "poll.hpp"
#include "thread.hpp"

namespace oast::detail {

namespace {

/// libzmq frees the name of a monitor some time after its end: each has its own.
std::string monitor_endpoint() {
  static std::atomic<std::uint64_t> last{0};
  return "inproc://oast-control-monitor-" + std::to_string(++last);
}

/// Looks that it takes at least to find the broker silent. One that is stopped for long between two
/// looks has the others left to hear the broker.
constexpr int kSlices = 5;

zmq::socket_t monitor(zmq::context_t& context, zmq::socket_t& socket) {
  const std::string endpoint = monitor_endpoint();
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), ZMQ_EVENT_DISCONNECTED) != 0)
    throw zmq::error_t();
  zmq::socket_t events(context, zmq::socket_type::pair);
  events.set(zmq::sockopt::linger, 0);
  events.connect(endpoint);
  return events;
}

}  // namespace

ControlConnection::ControlConnection(zmq::context_t& context, zmq::socket_t socket, Options options)
    : context_(context), socket_(std::move(socket)), options_(std::move(options)) {
  if (options_.silence.count() > 0) monitor_ = monitor(context, socket_);
}

void ControlConnection::start() {
  thread_ = start_thread("oast-control", [this] { run(); });
}

void ControlConnection::send(wire::Packet packet) {
  {
    const std::lock_guard lock(mutex_);
    outbox_.push_back(std::move(packet));
  }
  wake_.signal();
}

void ControlConnection::after(std::chrono::milliseconds time, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    timers_.push_back({Clock::now() + time, std::move(task)});
  }
  wake_.signal();
}

void ControlConnection::drop_unsent() {
  const std::lock_guard lock(mutex_);
  outbox_.clear();
}

void ControlConnection::finish(bool for_good) {
  if (for_good) for_good_ = true;
  finishing_ = true;
  wake_.signal();
  if (thread_.joinable()) thread_.join();
}

void ControlConnection::run() {
  do {
    try {
      serve();
    } catch (const std::exception& error) {
      if (!lost_) lose(error.what());
    }
    close_sockets();
  } while (lost_ && go_on());
  if (lost_) options_.on_lost(why_);
}

/// Also when lost: it must not dial a broker that takes the place of the one we knew.
void ControlConnection::close_sockets() {
  if (monitor_) zmq_socket_monitor(socket_.handle(), nullptr, 0);
  monitor_.close();
  socket_.close();
}

bool ControlConnection::go_on() {
  if (!options_.redial || finishing_) return false;
  auto next = options_.redial(why_);
  if (!next) return false;
  socket_ = std::move(*next);
  monitor_ = monitor(context_, socket_);
  unheard_ = {};
  looked_ = Clock::now();
  lost_ = false;
  return true;
}

void ControlConnection::serve() {
  looked_ = Clock::now();
  while (!lost_) {
    const bool last = finishing_;
    transmit();
    if (last) {
      wire::GoodbyeT goodbye;
      goodbye.end_session = for_good_;
      send_now(wire::pack(RequestId{}, goodbye));
      return;
    }
    run_timers();
    count_silence();
    receive_all();
    if (is_broken()) {
      lose("the connection broke");
    } else if (options_.silence.count() > 0 && unheard_ > options_.silence) {
      lose("no heartbeat for " + std::to_string(options_.silence.count()) + " ms");
    } else {
      sleep();
    }
  }
}

void ControlConnection::transmit() {
  std::vector<wire::Packet> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(outbox_);
  }
  for (auto& packet : batch) send_now(std::move(packet));
}

void ControlConnection::send_now(wire::Packet&& packet) {
  wire::send(socket_, PeerId{}, packet);
  if (options_.on_sent) options_.on_sent();
}

void ControlConnection::run_timers() {
  std::vector<Timer> due;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const auto first = std::stable_partition(timers_.begin(), timers_.end(),
                                             [&](const Timer& timer) { return timer.due > now; });
    due.assign(std::make_move_iterator(first), std::make_move_iterator(timers_.end()));
    timers_.erase(first, timers_.end());
  }
  for (auto& timer : due) timer.task();
}

/// Between two looks the thread sleeps for one slice at most; what is longer is time that this
/// process did not run (it was stopped, or the machine slept), in which nobody could be heard.
void ControlConnection::count_silence() {
  const auto now = Clock::now();
  unheard_ += std::min<std::chrono::nanoseconds>(now - looked_, slice());
  looked_ = now;
}

std::chrono::milliseconds ControlConnection::slice() const {
  return std::max(options_.silence / kSlices, std::chrono::milliseconds(1));
}

void ControlConnection::receive_all() {
  for (;;) {
    std::optional<wire::Refused> refused;
    auto message = wire::receive(socket_, wire::Limits{}, refused);
    if (!message && !refused) return;
    unheard_ = {};
    if (refused) {
      options_.on_refused(*refused);
      continue;
    }
    if (message->peer != PeerId{}) continue;  // only the broker speaks here
    if (const auto* ping = message->packet.root().body_as_Ping()) {
      pong(*ping);
    } else {
      options_.on_message(std::move(*message));
    }
  }
}

void ControlConnection::pong(const wire::Ping& ping) {
  wire::PongT answer;
  answer.sent_ns = ping.sent_ns();
  send_now(wire::pack(RequestId{}, answer));
}

void ControlConnection::break_off() {
  break_off_ = true;
  wake_.signal();
}

bool ControlConnection::is_broken() {
  if (break_off_.exchange(false)) return true;
  if (!monitor_) return false;
  zmq::message_t event;
  bool any = false;
  while (wire::receive_frame(monitor_, event)) any = true;
  return any;
}

void ControlConnection::sleep() {
  auto until = Clock::now() + std::chrono::hours(1);
  if (options_.silence.count() > 0) until = looked_ + slice();
  {
    const std::lock_guard lock(mutex_);
    for (const Timer& timer : timers_) until = std::min(until, timer.due);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  std::vector<zmq::pollitem_t> items = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                                        {nullptr, wake_.fd(), ZMQ_POLLIN, 0}};
  if (monitor_) items.push_back({monitor_.handle(), 0, ZMQ_POLLIN, 0});
  detail::poll(items, std::max(left, std::chrono::milliseconds(0)) + std::chrono::milliseconds(1));
  if (items[1].revents != 0) wake_.clear();
}

void ControlConnection::lose(const std::string& why) {
  lost_ = true;
  why_ = why;
  socket_.set(zmq::sockopt::linger, 0);  // there is nobody to send to
}

}  // namespace oast::detail
