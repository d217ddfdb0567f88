#include "received_memory.hpp"

#include <malloc.h>

#include <exception>
#include <utility>

#include "oast/codec.hpp"

namespace oast::detail {

namespace {

constexpr std::size_t kLarge = 64U << 10;  // smaller ones are not worth the counting
constexpr std::size_t kWorthReturning = 64U << 20;
constexpr std::chrono::seconds kPause{1};

}  // namespace

struct ReceivedMemory::Tracked {
  Tracked(Buffer shared, std::shared_ptr<ReceivedMemory> all)
      : buffer(std::move(shared)), memory(std::move(all)) {}
  ~Tracked() {
    const std::size_t size = buffer.size();
    buffer = {};
    memory->released(size);
  }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;

  Buffer buffer;
  std::shared_ptr<ReceivedMemory> memory;
};

std::vector<Buffer> ReceivedMemory::share(std::vector<zmq::message_t>&& buffers) {
  auto shared = wire::share(std::move(buffers));
  for (Buffer& buffer : shared) {
    if (buffer.size() < kLarge) continue;
    const auto bytes = buffer.bytes();
    buffer = Buffer(std::make_shared<const Tracked>(buffer, shared_from_this()), bytes);
  }
  return shared;
}

void ReceivedMemory::close() noexcept {
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    later_ = nullptr;
    due = scheduled_;
  }
  if (due) give_back();
}

void ReceivedMemory::released(std::size_t bytes) noexcept {
  {
    const std::lock_guard lock(mutex_);
    released_ += bytes;
    if (released_ < kWorthReturning || scheduled_) return;
    if (later_) {
      try {
        later_(kPause, [self = shared_from_this()] { self->give_back(); });
        scheduled_ = true;
      } catch (const std::exception&) {
        // No memory for it: the next one that is released tries again.
      }
      return;
    }
  }
  give_back();
}

void ReceivedMemory::give_back() noexcept {
  {
    const std::lock_guard lock(mutex_);
    released_ = 0;
    scheduled_ = false;
  }
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace oast::detail
