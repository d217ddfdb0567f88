// The memory of large answers, and its return to the system.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>
#include <zmq.hpp>

#include "oast/value.hpp"

namespace oast::detail {

/// libzmq's thread allocates what a host receives. glibc keeps freed blocks of such a thread below
/// one that is in use: hundreds of megabytes, for as long as a small answer lives. So when much was
/// released the allocator is told to return what is free, which takes milliseconds and is therefore
/// not done by who released it, and at most once a second.
///
/// Thread-safe. Buffers keep it alive.
class ReceivedMemory : public std::enable_shared_from_this<ReceivedMemory> {
 public:
  /// Runs a task after a time, or never. Does not block.
  using Later = std::function<void(std::chrono::milliseconds, std::function<void()>)>;

  explicit ReceivedMemory(Later later) : later_(std::move(later)) {}

  /// As wire::share, and notes when they are released.
  std::vector<Buffer> share(std::vector<zmq::message_t>&& buffers);
  /// Nothing is done later any more: who releases much returns it.
  void close() noexcept;

 private:
  struct Tracked;

  void released(std::size_t bytes) noexcept;
  void give_back() noexcept;

  std::mutex mutex_;
  Later later_;               // guarded by mutex_, as all below
  std::size_t released_ = 0;  // bytes, since memory was last given back
  bool scheduled_ = false;
};

}  // namespace oast::detail
