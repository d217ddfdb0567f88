#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "api_boundary.hpp"
#include "handles.hpp"
#include "oast/wake_fd.hpp"

namespace oast::c {

/// Tags, and a descriptor that is readable while there are any, or the queue is closed.
class Tags {
 public:
  int fd() const { return wake_.fd(); }

  void push(std::uint64_t tag) {
    const std::lock_guard lock(mutex_);
    tags_.push_back(tag);
    if (tags_.size() == 1) wake_.signal();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.signal();
  }

  std::size_t take(std::span<std::uint64_t> into) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = std::min(into.size(), tags_.size());
    const auto end = tags_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(tags_.begin(), end, into.begin());
    tags_.erase(tags_.begin(), end);
    if (tags_.empty() && !closed_) wake_.clear();
    return count;
  }

 private:
  const oast::wire::WakeFd wake_;
  std::mutex mutex_;
  std::deque<std::uint64_t> tags_;  // guarded, as closed_
  bool closed_ = false;
};

}  // namespace oast::c

namespace {

using oast::c::Tags;

struct Ticket {
  std::shared_ptr<Tags> tags;
  std::uint64_t tag;
};

void wait_readable(int fd, std::int64_t timeout_ms) {
  using std::chrono::steady_clock;
  constexpr std::int64_t kHour = 3'600'000;
  const auto start = steady_clock::now();
  for (;;) {
    const auto passed =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start).count();
    const std::int64_t left = timeout_ms < 0 ? kHour : std::clamp(timeout_ms - passed, 0L, kHour);
    pollfd item{fd, POLLIN, 0};
    if (::poll(&item, 1, static_cast<int>(left)) > 0) return;
    if (timeout_ms >= 0 && passed >= timeout_ms) return;
  }
}

}  // namespace

struct oast_queue {
  const std::shared_ptr<oast::c::Tags> tags = std::make_shared<oast::c::Tags>();
};

using oast::c::guarded;
using oast::c::need;

extern "C" {

oast_status oast_queue_new(oast_queue** queue) {
  return guarded([&] { need(queue, "the queue") = std::make_unique<oast_queue>().release(); });
}

void oast_queue_free(oast_queue* queue) {
  delete queue;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}

void* oast_queue_ticket(oast_queue* queue, uint64_t tag) {
  void* ticket = nullptr;
  static_cast<void>(guarded([&] {
    ticket = std::make_unique<Ticket>(Ticket{need(queue, "the queue").tags, tag}).release();
  }));
  return ticket;
}

void oast_queue_push(void* ticket) {
  const std::unique_ptr<Ticket> owned(static_cast<Ticket*>(ticket));
  // A tag without memory for itself is lost, as is then most else.
  if (owned) static_cast<void>(guarded([&] { owned->tags->push(owned->tag); }));
}

oast_status oast_queue_take(oast_queue* queue, int64_t timeout_ms, uint64_t* tags, size_t capacity,
                            size_t* count) {
  return guarded([&] {
    Tags& all = *need(queue, "the queue").tags;
    std::uint64_t& first = need(tags, "the room for tags");
    std::size_t& taken = need(count, "the room for the count");
    if (timeout_ms != 0) wait_readable(all.fd(), timeout_ms);
    taken = all.take({&first, capacity});
  });
}

int oast_queue_fd(const oast_queue* queue) { return queue == nullptr ? -1 : queue->tags->fd(); }

void oast_queue_close(oast_queue* queue) {
  if (queue != nullptr) queue->tags->close();
}
}
