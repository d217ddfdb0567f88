#include "event_loop.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace oast::broker {

namespace {

using Lock = wire::TurnLock::Lock;

constexpr unsigned kTurnsPerLook = 16;

/// How long nobody drives the loop before its own thread does: long enough to stay out of a loop of
/// round trips, short enough for what comes in meanwhile.
constexpr std::chrono::milliseconds kLinger{1};

void add_to(int epoll, int fd, std::uint64_t serial) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = serial;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

}  // namespace

EventLoop::EventLoop(std::shared_ptr<Clock> clock)
    : clock_(std::move(clock)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  add_to(epoll_.get(), wake_.fd(), 0);
  polled_.push_back({epoll_.get(), POLLIN, 0});
  clock_->on_jump([this] { wake_.signal(); });
}

EventLoop::~EventLoop() { clock_->on_jump(nullptr); }

EventLoop::Handle EventLoop::watch(int fd, Callback callback) {
  const auto serial = serial_++;
  Callback cancel = [this, fd, serial] {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(serial);
  };
  const auto place =
      watches_.emplace(serial, std::make_shared<Callback>(std::move(callback))).first;
  try {
    add_to(epoll_.get(), fd, serial);
  } catch (...) {
    watches_.erase(place);
    throw;
  }
  return Handle(std::move(cancel));
}

EventLoop::Handle EventLoop::after(Duration delay, Callback callback) {
  const Timer timer{now() + delay, serial_++};
  Callback cancel = [this, timer] { timers_.erase(timer); };
  timers_.emplace(timer, std::move(callback));
  return Handle(std::move(cancel));
}

void EventLoop::add_source(int fd, std::function<bool()> turn) {
  polled_.push_back({fd, POLLIN, 0});
  sources_.push_back(std::move(turn));
}

void EventLoop::report(const char* what) noexcept {
  try {
    if (report_) report_(what);
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is nobody left to tell
  }
}

template <class Work>
void EventLoop::guarded(const Work& work) noexcept {
  try {
    work();
  } catch (const std::exception& error) {
    report(error.what());
  } catch (...) {
    report("something that is no std::exception");
  }
}

bool EventLoop::run_posted() {
  if (next_ == batch_.size()) {
    batch_.clear();
    next_ = 0;
    const std::lock_guard lock(posted_mutex_);
    batch_.swap(posted_);
  }
  if (batch_.empty()) return false;
  const auto end = Real::now() + kTurn;
  do {
    guarded(std::exchange(batch_[next_++], nullptr));
  } while (next_ < batch_.size() && Real::now() < end);
  return true;
}

bool EventLoop::run_timers() {
  if (timers_.empty()) return false;
  bool any = false;
  const auto time = now();
  const auto end = Real::now() + kTurn;
  while (!timers_.empty() && timers_.begin()->first.due <= time) {
    const auto node = timers_.extract(timers_.begin());
    guarded(node.mapped());
    any = true;
    if (Real::now() >= end) break;
  }
  return any;
}

void EventLoop::run_watches() {
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto serial = events[static_cast<std::size_t>(i)].data.u64;
    if (serial == 0) {
      wake_.clear();
    } else if (const auto found = watches_.find(serial); found != watches_.end()) {
      // A callback may have removed a later one of this batch; and itself, hence the copy.
      const auto callback = found->second;
      guarded(*callback);
    }
  }
}

bool EventLoop::turn() {
  // Sources last: whatever ran before them may have sent, and a ZeroMQ descriptor is fit to sleep
  // on only when its socket was found empty after the last call on it (zmq_getsockopt(3), ZMQ_FD).
  bool any = run_posted();
  any |= run_timers();
  for (auto& source : sources_) {
    bool found = true;  // also one that throws is to be called again
    guarded([&] { found = source(); });
    any |= found;
  }
  return any;
}

int EventLoop::sleep(std::span<pollfd> fds, std::optional<Real::time_point> until) {
  if (!timers_.empty()) {
    const auto due = Real::now() + (timers_.begin()->first.due - now());
    until = until ? std::min(*until, due) : due;
  }
  int milliseconds = -1;
  if (until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Real::now());
    milliseconds = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }
  const auto own = static_cast<std::ptrdiff_t>(1 + sources_.size());
  polled_.erase(polled_.begin() + own, polled_.end());
  polled_.insert(polled_.end(), fds.begin(), fds.end());
  if (::poll(polled_.data(), polled_.size(), milliseconds) < 0) return -1;
  if (polled_.front().revents != 0) run_watches();
  std::copy(polled_.begin() + own, polled_.end(), fds.begin());
  return static_cast<int>(
      std::ranges::count_if(fds, [](const pollfd& fd) { return fd.revents != 0; }));
}

int EventLoop::drive(std::span<pollfd> fds, std::optional<Real::time_point> deadline,
                     const std::atomic<bool>& stop) noexcept {
  for (;;) {
    bool any = true;
    guarded([&] { any = turn(); });
    if (stop) return 0;
    // Descriptors have their turn also while the sources never run dry: a kernel's death is seen in
    // the middle of a flood.
    if (any && fds.empty() && ++busy_turns_ % kTurnsPerLook != 0) continue;
    int ready = 0;
    guarded([&] { ready = sleep(fds, any ? Real::now() : deadline); });
    if (ready > 0 || (ready < 0 && !fds.empty())) return ready;
    if (deadline && Real::now() >= *deadline) return 0;
  }
}

void EventLoop::run() {
  Lock lock(driver_mutex_);
  driver_.hurry();
  while (!quit_) {
    if (!driver_.take_in_background(lock, kLinger, Real::now() + std::chrono::hours(1))) continue;
    give_way_ = quit_.load();
    lock.unlock();
    drive({}, std::nullopt, give_way_);
    lock.lock();
    driver_.release();
  }
}

int EventLoop::poll(std::span<pollfd> fds, int milliseconds) {
  Lock lock(driver_mutex_);
  const auto others = [this] { return driver_.held() && !driver_.held_by_background(); };
  const auto ask = [this] {
    give_way_ = true;
    wake_.signal();
  };
  driver_.claim(lock, others, ask, std::nullopt);
  if (driver_.held()) {
    lock.unlock();
    return ::poll(fds.data(), fds.size(), milliseconds);
  }
  driver_.take();
  driver_.no_hurry();
  lock.unlock();
  std::optional<Real::time_point> deadline;
  if (milliseconds >= 0) deadline = Real::now() + std::chrono::milliseconds(milliseconds);
  const int ready = drive(fds, deadline, quit_);
  const int error = errno;
  lock.lock();
  driver_.release();
  errno = error;
  return ready;
}

void EventLoop::attend() {
  const Lock lock(driver_mutex_);
  if (!driver_.held()) driver_.hurry();
}

void EventLoop::post(Callback callback) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(callback));
    if (posted_.size() == 1) wake_.signal();
  }
  attend();
}

void EventLoop::quit() {
  quit_ = true;
  post([this] { give_way_ = true; });
  const Lock lock(driver_mutex_);
  driver_.wake_background();
}

}  // namespace oast::broker
