#include "control.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "replies.hpp"
#include "signal_handlers.hpp"
#include "usage.hpp"

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;

/// How often a working engine is looked after. Text waits for one to two of these.
constexpr auto kTick = 5ms;
/// So many ticks without any event, and the thread goes to sleep.
constexpr int kQuietTicks = 20;
/// A request that runs as long as this leaves the data socket alone for too long.
constexpr auto kLongRun = 5ms;
/// Between signals to a launcher that may be stopped.
constexpr auto kWakeAgain = 100ms;
/// What the launcher has after the grace to end the process, before that ends itself.
constexpr auto kLauncherTime = 4s;
/// What a crashing process waits at most for its last output to leave.
constexpr int kRescueMilliseconds = 500;

void nap() {
  const timespec millisecond{0, 1'000'000};
  ::nanosleep(&millisecond, nullptr);
}

/// Those of its process group, for nobody may be left to end them.
[[noreturn]] void end_with_children() {
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(1);
}

std::uint64_t milliseconds(std::chrono::steady_clock::duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

}  // namespace

Control::Control(Shared& shared, zmq::socket_t socket, Watched watched,
                 std::function<void()> on_interrupt)
    : shared_(shared),
      on_interrupt_(std::move(on_interrupt)),
      watched_(std::move(watched)),
      socket_(std::move(socket)),
      receiver_(*shared.data),
      quiet_ticks_(kQuietTicks) {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] {
    try {
      run();
    } catch (const std::exception& error) {
      // A kernel that nobody can interrupt or stop is of no use to anybody.
      shared_.capture.tee(std::string("the control thread failed: ") + error.what() + "\n");
      ::_exit(1);
    }
  });
}

Control::~Control() { stop(); }

void Control::stop() {
  stopping_ = true;
  wake_.signal();
  if (thread_.joinable()) thread_.join();
  socket_.close();
}

void Control::always_receive() noexcept {
  always_receive_ = true;
  wake_.signal();
}

void Control::attend() noexcept {
  if (asleep_ && asleep_.exchange(false)) wake_.signal();
}

void Control::run() {
  while (!stopping_) {
    if (messages_wait_) handle_messages();
    for (; on_interrupt_ && told_ < shared_.gate.hits(); ++told_) on_interrupt_();
    wait();
    if (const auto now = Clock::now(); now - ticked_ >= kTick) tick(now);
    if (rescue_ == Rescue::wanted) rescue();
  }
}

/// Precondition: nothing was left to receive when the socket was touched last, which is what makes
/// its edge-triggered descriptor fit to sleep on (zmq_getsockopt(3), ZMQ_FD).
void Control::wait() {
  const bool room = shared_.outbox.room();
  const auto readable = [](int fd, bool wanted) { return pollfd{wanted ? fd : -1, POLLIN, 0}; };
  std::array<pollfd, 6> fds{readable(socket_.get(zmq::sockopt::fd), true),
                            readable(wake_.fd(), true),
                            readable(watched_.launcher.get(), true),
                            readable(shared_.capture.out_fd(), out_open_ && room),
                            readable(shared_.capture.err_fd(), err_open_ && room),
                            readable(watched_.broker.get(), !ends_at_)};
  const int ready = ::poll(fds.data(), fds.size(), timeout());
  asleep_ = false;
  if (fds[5].revents != 0 || ends_at_) watch_broker();
  messages_wait_ = ready > 0 && fds[0].revents != 0;
  if (ready <= 0) return;
  if (fds[1].revents != 0) {
    wake_.clear();
  }
  if (fds[2].revents != 0) watch_launcher();
  if (((fds[3].revents | fds[4].revents) & POLLIN) != 0) shared_.outputs.pump();
  // The engine closed the descriptor, and so did all who inherited it.
  out_open_ = out_open_ && (fds[3].revents & (POLLIN | POLLHUP)) != POLLHUP;
  err_open_ = err_open_ && (fds[4].revents & (POLLIN | POLLHUP)) != POLLHUP;
}

int Control::timeout() {
  if (quiet_ticks_ < kQuietTicks) return static_cast<int>(kTick.count());
  // First say it, then look once more: what happens between is either seen here or wakes.
  asleep_ = true;
  if (!eventful()) return ends_at_ ? static_cast<int>(kWakeAgain.count()) : -1;
  quiet_ticks_ = 0;
  return static_cast<int>(kTick.count());
}

bool Control::eventful() const {
  return shared_.gate.begun() != begun_ || text_can_leave() || shared_.gate.running().has_value();
}

void Control::tick(Clock::time_point now) {
  ticked_ = now;
  quiet_ticks_ = eventful() ? 0 : quiet_ticks_ + 1;
  begun_ = shared_.gate.begun();
  shared_.gate.repeat(now);
  const auto running = shared_.gate.running();
  receiver_.want(always_receive_ || (running && now - running->since >= kLongRun));
  // Text gets the time from one tick to the next to grow, or to leave with the reply.
  if (std::exchange(text_waits_, text_can_leave())) shared_.outputs.flush();
}

bool Control::text_can_leave() const { return shared_.outputs.pending() && shared_.outbox.room(); }

void Control::watch_launcher() const {
  std::array<char, 512> ignored;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t got = ::read(watched_.launcher.get(), ignored.data(), ignored.size());
  if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) return;
  end_with_children();
}

/// Its launcher sees to the end, unless code that ran here has stopped that.
void Control::watch_broker() {
  if (!ends_at_) ends_at_ = Clock::now() + watched_.grace + kLauncherTime;
  ::kill(::getppid(), SIGCONT);
  if (Clock::now() >= *ends_at_) end_with_children();
}

void Control::rescue_output() noexcept {
  rescue_ = Rescue::wanted;
  wake_.signal();
  for (int i = 0; i < kRescueMilliseconds && rescue_ != Rescue::done; ++i) nap();
}

void Control::rescue() {
  shared_.outputs.rescue();
  for (int i = 0; i < kRescueMilliseconds / 2 && shared_.outbox.unsent() > 0; ++i) nap();
  rescue_ = Rescue::done;
}

void Control::handle_messages() {
  for (;;) {
    std::optional<wire::Refused> refused;  // its sender does not count on an answer
    if (const auto received = wire::receive(socket_, wire::Limits{}, refused))
      handle(received->packet.root());
    else if (!refused)
      return;
  }
}

void Control::handle(const wire::Message& message) {
  switch (message.body_type()) {
    case wire::Body::Ping:
      return answer_ping(*message.body_as_Ping());
    case wire::Body::Break:
      return handle_break(RequestId{message.id()}, *message.body_as_Break());
    case wire::Body::Shutdown:
      return handle_shutdown();
    case wire::Body::Acknowledge:
      if (shared_.outbox.acknowledged(message.body_as_Acknowledge()->number())) shared_.notify();
      return;
    default:
      return;  // from a newer broker, which does not count on an answer
  }
}

void Control::answer_ping(const wire::Ping& ping) {
  wire::PongT pong;
  pong.sent_ns = ping.sent_ns();
  pong.usage = std::make_unique<wire::UsageT>();
  if (const auto running = shared_.gate.running()) {
    pong.usage->request = running->key.id.value;
    pong.usage->host = running->key.host.value;
    pong.usage->request_ms = milliseconds(Clock::now() - running->since);
  }
  pong.usage->queued = static_cast<std::uint32_t>(shared_.intake.size());
  pong.usage->rss_bytes = resident_bytes();
  pong.usage->cpu_seconds = cpu_seconds();
  wire::Packet packet = wire::pack(RequestId{}, pong);
  wire::send(socket_, PeerId{}, packet);
}

void Control::handle_break(RequestId id, const wire::Break& order) {
  const auto stopped = stop(order);
  if (stopped.cancelled)
    shared_.fail(*stopped.cancelled,
                 make_failure(FailureKind::interrupted, "cancelled while queued"));
  // The engine may wait for input or at a channel, rather than run.
  if (stopped.state == wire::BreakState::signalled) shared_.notify();
  wire::BreakReplyT reply;
  reply.state = stopped.state;
  reply.sequence = stopped.sequence;
  wire::Packet packet = wire::pack(id, reply);
  wire::send(socket_, PeerId{}, packet);
}

Intake::Stopped Control::stop(const wire::Break& order) {
  if (order.request() == 0)
    return shared_.intake.stop(order.sequence(), order.last() != 0 ? order.last() : Intake::kAny);
  const RequestKey key{PeerId{order.host()}, RequestId{order.request()}};
  if (shared_.channels.cancel(key))
    return {.state = wire::BreakState::cancelled, .sequence = 0, .cancelled = key};
  return shared_.intake.stop(key);
}

void Control::handle_shutdown() {
  shared_.intake.close();
  shared_.notify();
}

}  // namespace oast::kernel
