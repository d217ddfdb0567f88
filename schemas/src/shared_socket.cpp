#include "oast/shared_socket.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "oast/wake_fd.hpp"

namespace oast::wire {

namespace {

using Lock = std::unique_lock<std::mutex>;

int milliseconds_until(std::optional<SharedSocket::Clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*deadline - SharedSocket::Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

bool passed(std::optional<SharedSocket::Clock::time_point> deadline) {
  return deadline && SharedSocket::Clock::now() >= *deadline;
}

}  // namespace

struct SharedSocket::Impl {
  Impl(zmq::socket_t s, Limits l, Handler h)
      : socket(std::move(s)),
        limits(l),
        handler(std::move(h)),
        socket_fd(socket.get(zmq::sockopt::fd)) {}

  // Touched by the holder only.
  zmq::socket_t socket;
  const Limits limits;
  const Handler handler;
  const int socket_fd;
  std::size_t malformed = 0;

  const WakeFd wake;

  std::mutex mutex;
  // All below is guarded by the mutex. Invariant: nobody holds the socket => outbox is empty.
  std::condition_variable released;         // foreground waits for its turn or its condition
  std::condition_variable background_wake;  // the background waits for a quiet moment
  bool held = false;
  bool background_holds = false;
  bool polling = false;  // the holder is in poll(2) and needs `wake` to notice anything
  std::thread::id holder;
  unsigned claims = 0;           // foreground threads that wait for their turn
  std::uint64_t turns = 0;       // times that the socket was released
  bool background_deep = false;  // the background sleeps until a release
  bool hurry = false;            // the background shall take a free socket without lingering
  bool closed = false;
  std::vector<Addressed> outbox;

  bool mine() const { return held && holder == std::this_thread::get_id(); }

  void take() {
    held = true;
    holder = std::this_thread::get_id();
  }

  void wake_holder() const {
    if (polling) wake.signal();
  }

  void transmit(Lock& lock) {
    while (!outbox.empty()) {
      auto batch = std::exchange(outbox, {});
      lock.unlock();
      for (auto& [to, packet] : batch) wire::send(socket, to, packet);
      lock.lock();
    }
  }

  void release(Lock& lock) {
    transmit(lock);
    held = false;
    holder = {};
    ++turns;
    if (claims > 0) released.notify_all();
    if (background_deep || hurry) {
      background_deep = false;
      background_wake.notify_one();
    }
  }

  /// Handles one message; says whether there was one.
  bool receive_one(Lock& lock) {
    lock.unlock();
    const auto before = malformed;
    auto message = wire::receive(socket, limits, malformed);
    const bool any = message || malformed != before;
    if (message) handler(std::move(*message));
    lock.lock();
    if (any && claims > 0) released.notify_all();
    return any;
  }

  /// Precondition: nothing to receive as of the last try, which is what makes the socket's
  /// edge-triggered descriptor fit to sleep on (zmq_getsockopt(3), ZMQ_FD). False: a signal ended
  /// it.
  bool sleep(Lock& lock, std::optional<Clock::time_point> deadline) {
    polling = true;
    lock.unlock();
    pollfd fds[] = {{socket_fd, POLLIN, 0}, {wake.fd(), POLLIN, 0}};
    const bool slept = ::poll(fds, 2, milliseconds_until(deadline)) >= 0 || errno != EINTR;
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
      if (!outbox.empty()) continue;
      if (stop() || passed(deadline)) return;
      if (sleep(lock, deadline) || signalled == nullptr) continue;
      *signalled = true;
      return;
    }
  }
};

SharedSocket::SharedSocket(zmq::socket_t socket, Limits limits, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(socket), limits, std::move(handler))) {}

SharedSocket::~SharedSocket() { close(); }

void SharedSocket::send(PeerId to, Packet packet) {
  Impl& s = *impl_;
  Lock lock(s.mutex);
  if (s.closed) return;
  if (s.held && !s.mine()) {
    s.outbox.push_back({to, std::move(packet)});
    if (s.outbox.size() == 1) s.wake_holder();
    return;
  }
  const bool nested = s.held;
  if (!nested) s.take();
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
  if (s.mine()) {
    s.hold(lock, stop, deadline, signalled);
    return done();
  }
  ++s.claims;
  while (!stop() && s.held && !passed(deadline)) {
    if (s.background_holds) s.wake_holder();
    if (deadline) {
      s.released.wait_until(lock, *deadline);
    } else {
      s.released.wait(lock);
    }
  }
  --s.claims;
  if (!s.held && !stop()) {
    s.take();
    s.hold(lock, stop, deadline, signalled);
    s.release(lock);
  }
  return done();
}

void SharedSocket::background(std::chrono::milliseconds linger, Clock::time_point deadline) {
  Impl& s = *impl_;
  Lock lock(s.mutex);
  while (!s.closed && !passed(deadline)) {
    const auto seen = s.turns;
    if (s.held || s.claims > 0) {
      // Look again after a while; if nothing moved, sleep until the socket is released, so that a
      // busy foreground need not wake this thread at every turn and an idle one not at all.
      s.background_wake.wait_for(lock, std::max(linger, std::chrono::milliseconds(1)));
      if (s.held && s.turns == seen && !s.closed) {
        s.background_deep = true;
        s.background_wake.wait_until(lock, deadline,
                                     [&] { return !s.background_deep || s.closed; });
        s.background_deep = false;
      }
      continue;
    }
    if (!s.hurry) s.background_wake.wait_for(lock, linger, [&] { return s.hurry || s.closed; });
    if (s.held || s.claims > 0 || s.closed || (!s.hurry && s.turns != seen)) continue;
    s.hurry = false;
    s.take();
    s.background_holds = true;
    s.hold(
        lock, [&] { return s.claims > 0 || s.closed; }, deadline);
    s.background_holds = false;
    s.release(lock);
  }
}

void SharedSocket::notify() {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.wake_holder();
  s.released.notify_all();
  if (!s.held) {
    s.hurry = true;
    s.background_wake.notify_one();
  }
}

void SharedSocket::close() {
  Impl& s = *impl_;
  const Lock lock(s.mutex);
  s.closed = true;
  s.wake_holder();
  s.released.notify_all();
  s.background_wake.notify_all();
}

bool SharedSocket::closed() const {
  const Lock lock(impl_->mutex);
  return impl_->closed;
}

void SharedSocket::finish() {
  close();
  Impl& s = *impl_;
  Lock lock(s.mutex);
  ++s.claims;
  s.released.wait(lock, [&] { return !s.held; });
  --s.claims;
  s.take();
  s.socket.close();
  s.held = false;
}

}  // namespace oast::wire
