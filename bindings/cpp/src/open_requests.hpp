// The requests of a session that have not ended.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "oast/ids.hpp"
#include "request.hpp"

namespace oast::detail {

/// From id to request. Whoever takes a request out ends it, so that it ends exactly once.
/// Thread-safe; no function blocks beyond its own short lock nor calls back.
class OpenRequests {
 public:
  /// False when closed: the request is not taken in.
  bool add(const std::shared_ptr<Request>& request);
  /// Nothing when it has ended, or when `from` may not speak for it: only the kernel that was asked
  /// and the broker (PeerId{0}) may.
  std::shared_ptr<Request> find(RequestId id, PeerId from) const;
  std::shared_ptr<Request> take(RequestId id, PeerId from);
  bool contains(RequestId id) const;
  /// Of those that ask the kernel the one that was made first; nothing when there is none.
  std::shared_ptr<Request> oldest(PeerId kernel) const;
  /// Whom the open requests ask, each once.
  std::vector<PeerId> kernels() const;
  /// Request::spoil_with, unless it has ended.
  void spoil(RequestId id, std::exception_ptr thrown) noexcept;
  /// No more are taken in.
  void close();
  /// Nothing when there is none. It needs no memory.
  std::shared_ptr<Request> take_any();

 private:
  using Table = std::pmr::unordered_map<std::uint64_t, std::shared_ptr<Request>>;

  mutable std::mutex mutex_;
  std::pmr::unsynchronized_pool_resource pool_;  // so that a request costs the table no allocation
  Table table_{&pool_};
  bool closed_ = false;
};

}  // namespace oast::detail
