#include "oast/shared_socket.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "oast/turn_lock.hpp"
#include "oast/wake_fd.hpp"

namespace oast::wire {

namespace {

using Lock = TurnLock::Lock;

int milliseconds_until(std::optional<SharedSocket::Clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*deadline - SharedSocket::Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

bool passed(std::optional<SharedSocket::Clock::time_point> deadline) {
  return deadline && SharedSocket::Clock::now() >= *deadline;
}

int system_poll(std::span<pollfd> fds, int milliseconds) {
  return ::poll(fds.data(), fds.size(), milliseconds);
}

}  // namespace

struct SharedSocket::Impl {
  Impl(zmq::socket_t s, Limits l, Handler h, Poll p, RefusedHandler r)
      : socket(std::move(s)),
        socket_fd(socket.get(zmq::sockopt::fd)),
        limits(l),
        handler(std::move(h)),
        poll(p ? std::move(p) : Poll(system_poll)),
        on_refused(std::move(r)) {}

  // Touched by the holder only.
  zmq::socket_t socket;
  int socket_fd;
  const Limits limits;
  const Handler handler;
  const Poll poll;
  const RefusedHandler on_refused;

  const WakeFd wake;

  std::mutex mutex;
  // All below is guarded by the mutex. Invariant: nobody holds the socket => outbox is empty.
  TurnLock turns;
  bool polling = false;  // the holder is in poll(2) and needs `wake` to notice anything
  bool closed = false;
  bool suspended = false;
  std::vector<Addressed> outbox;
  std::optional<zmq::socket_t> next;  // replaces `socket` as soon as the holder looks

  void wake_holder() const {
    if (polling) wake.signal();
  }

  void adopt_next() {
    if (!next) return;
    socket.set(zmq::sockopt::linger, 0);  // nobody is there to send to
    socket = *std::exchange(next, std::nullopt);
    socket_fd = socket.get(zmq::sockopt::fd);
  }

  void transmit(Lock& lock) {
    for (;;) {
      adopt_next();  // each time: what was queued since is for the new one
      if (outbox.empty()) return;
      auto batch = std::exchange(outbox, {});
      lock.unlock();
      for (Addressed& message : batch) wire::send(socket, message.peer, message.packet);
      lock.lock();
    }
  }

  void release(Lock& lock) {
    transmit(lock);
    turns.release();
  }

  /// Handles one message; says whether there was one.
  bool receive_one(Lock& lock) {
    lock.unlock();
    std::optional<Refused> refused;
    auto message = wire::receive(socket, limits, refused);
    const bool any = message || refused;
    if (refused && on_refused) on_refused(*refused);
    if (message) handler(std::move(*message));
    lock.lock();
    if (any) turns.recheck();
    return any;
  }

  /// Precondition: nothing to receive as of the last try, which is what makes the socket's
  /// edge-triggered descriptor fit to sleep on (zmq_getsockopt(3), ZMQ_FD). False: a signal ended
  /// it.
  bool sleep(Lock& lock, std::optional<Clock::time_point> deadline) {
    polling = true;
    lock.unlock();
    std::array<pollfd, 2> fds = {{{socket_fd, POLLIN, 0}, {wake.fd(), POLLIN, 0}}};
    const bool slept = poll(fds, milliseconds_until(deadline)) >= 0 || errno != EINTR;
    lock.lock();
    polling = false;
    if (slept && fds[1].revents != 0) wake.clear();
    return slept;
  }

  template <class Stop>
  void hold(Lock& lock, const Stop& stop, std::optional<Clock::time_point> deadline,
            bool* signalled = nullptr) {
    for (bool first = true;; first = false) {
      transmit(lock);
      if (stop()) return;
      if (!first && passed(deadline)) return;
      if (receive_one(lock)) continue;
      // What arrived for the outbox, or changed `stop`, while unlocked above did not signal.
      if (!outbox.empty() || next) continue;
      if (stop() || passed(deadline)) return;
      if (sleep(lock, deadline) || signalled == nullptr) continue;
      *signalled = true;
      return;
    }
  }
};

SharedSocket::SharedSocket(zmq::socket_t socket, Limits limits, Handler handler, Poll poll,
                           RefusedHandler refused)
    : impl_(std::make_unique<Impl>(std::move(socket), limits, std::move(handler), std::move(poll),
                                   std::move(refused))) {}

SharedSocket::~SharedSocket() { close(); }

void SharedSocket::send(PeerId to, Packet packet) {
  Impl& s = *impl_;
  Lock lock(s.mutex);
  if (s.closed || s.suspended) return;
  const bool nested = s.turns.mine();
  if (s.turns.held() && !nested) {
    s.outbox.push_back({to, std::move(packet)});
    if (s.outbox.size() == 1) s.wake_holder();
    return;
  }
  if (nested)
    s.transmit(lock);  // what others queued came first
  else
    s.turns.take();
  s.adopt_next();
  lock.unlock();
  wire::send(s.socket, to, packet);
  lock.lock();
  if (!nested) s.release(lock);
}

bool SharedSocket::wait(const std::function<bool()>& done,
                        std::optional<Clock::time_point> deadline) {
  return wait(done, deadline, nullptr);
}

bool SharedSocket::wait(const std::function<bool()>& done,
                        std::optional<Clock::time_point> deadline, bool& signalled) {
  return wait(done, deadline, &signalled);
}

bool SharedSocket::wait(const std::function<bool()>& done,
                        std::optional<Clock::time_point> deadline, bool* signalled) {
  Impl& s = *impl_;
  Lock lock(s.mutex);
  const auto stop = [&] { return s.closed || done(); };
  if (s.turns.mine()) {
    s.hold(lock, stop, deadline, signalled);
    return done();
  }
  const auto ask = [&s] {
    if (s.turns.held_by_background()) s.wake_holder();
  };
  s.turns.claim(lock, stop, ask, deadline);
  if (!s.turns.held() && !stop()) {
    s.turns.take();
    s.hold(lock, stop, deadline, signalled);
    s.release(lock);
  }
  return done();
}

void SharedSocket::background(std::chrono::milliseconds linger, Clock::time_point deadline) {
  Impl& s = *impl_;
  Lock lock(s.mutex);
  while (!s.closed && !passed(deadline)) {
    if (!s.turns.take_in_background(lock, linger, deadline)) continue;
    s.hold(
        lock, [&] { return s.turns.claimed() || s.closed; }, deadline);
    s.release(lock);
  }
}

void SharedSocket::suspend() {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.suspended = true;
  s.outbox.clear();
}

void SharedSocket::replace(zmq::socket_t socket) {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.suspended = false;
  s.outbox.clear();
  s.next = std::move(socket);
  if (!s.turns.held()) {
    s.adopt_next();
    s.turns.hurry();  // there may be something to receive
  }
  s.wake_holder();
}

void SharedSocket::notify() {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.wake_holder();
  s.turns.recheck();
  if (!s.turns.held()) s.turns.hurry();
}

void SharedSocket::close() {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.closed = true;
  s.wake_holder();
  s.turns.recheck();
  s.turns.wake_background();
}

bool SharedSocket::closed() const {
  const Lock lock(impl_->mutex);
  return impl_->closed;
}

void SharedSocket::finish() {
  close();
  Impl& s = *impl_;
  Lock lock(s.mutex);
  s.turns.claim(
      lock, [] { return false; }, [] {}, std::nullopt);
  s.turns.take();
  s.socket.close();
  s.turns.release();
}

}  // namespace oast::wire
