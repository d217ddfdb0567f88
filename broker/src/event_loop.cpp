#include "event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace oast::broker {

namespace {

constexpr unsigned kTurnsPerLook = 16;

Fd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(fd);
}

void add_to(int epoll, int fd, std::uint64_t serial) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = serial;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

}  // namespace

EventLoop::EventLoop(std::shared_ptr<Clock> clock)
    : clock_(std::move(clock)),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {
  add_to(epoll_.get(), wake_.get(), 0);
  clock_->on_jump([fd = wake_.get()] { ::eventfd_write(fd, 1); });
}

EventLoop::~EventLoop() { clock_->on_jump(nullptr); }

EventLoop::Handle EventLoop::watch(int fd, Callback callback) {
  const auto serial = serial_++;
  add_to(epoll_.get(), fd, serial);
  watches_.emplace(serial, std::make_shared<Callback>(std::move(callback)));
  return Handle([this, fd, serial] {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(serial);
  });
}

EventLoop::Handle EventLoop::after(Duration delay, Callback callback) {
  const Timer timer{now() + delay, serial_++};
  timers_.emplace(timer, std::move(callback));
  return Handle([this, timer] { timers_.erase(timer); });
}

void EventLoop::add_source(int fd, std::function<bool()> turn) {
  add_to(epoll_.get(), fd, 0);
  sources_.push_back(std::move(turn));
}

void EventLoop::post(Callback callback) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(callback));
  if (posted_.size() == 1) ::eventfd_write(wake_.get(), 1);
}

void EventLoop::quit() {
  post([this] { quit_ = true; });
}

bool EventLoop::run_posted() {
  std::vector<Callback> batch;
  {
    const std::lock_guard lock(posted_mutex_);
    batch.swap(posted_);
  }
  for (auto& callback : batch) callback();
  return !batch.empty();
}

bool EventLoop::run_timers() {
  bool any = false;
  const auto time = timers_.empty() ? Clock::TimePoint{} : now();
  while (!timers_.empty() && timers_.begin()->first.due <= time) {
    auto node = timers_.extract(timers_.begin());
    node.mapped()();
    any = true;
  }
  return any;
}

void EventLoop::look(bool poll_only) {
  int timeout = poll_only ? 0 : -1;
  if (!poll_only && !timers_.empty()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.due - now());
    timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }
  std::array<epoll_event, 64> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  for (int i = 0; i < count; ++i) {
    const auto serial = events[static_cast<std::size_t>(i)].data.u64;
    if (serial == 0) continue;
    // A callback may have removed a later one of this batch; and itself, hence the copy.
    if (const auto found = watches_.find(serial); found != watches_.end()) {
      const auto callback = found->second;
      (*callback)();
    }
  }
  // Cleared without asking which descriptor fired: one cheap call, and posted work is looked at
  // after it in any case.
  if (count > 0) {
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
  }
}

void EventLoop::run() {
  thread_ = std::this_thread::get_id();
  while (!quit_) {
    // Sources last: whatever ran before them may have sent, and a ZeroMQ descriptor is fit to sleep
    // on only when its socket was found empty after the last call on it (zmq_getsockopt(3),
    // ZMQ_FD).
    bool any = run_posted();
    any |= run_timers();
    for (auto& turn : sources_) any |= turn();
    // Descriptors have their turn also while the sources never run dry: a kernel's death is seen
    // in the middle of a flood.
    if (!quit_ && (!any || ++busy_turns_ % kTurnsPerLook == 0)) look(any);
  }
}

}  // namespace oast::broker
