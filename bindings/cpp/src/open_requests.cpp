#include "open_requests.hpp"

#include <set>
#include <utility>

namespace oast::detail {

namespace {

bool may_answer(const Request& request, PeerId from) {
  return from == PeerId{} || (request.kernel() && from == peer_of(request.kernel()->id()));
}

}  // namespace

bool OpenRequests::add(const std::shared_ptr<Request>& request) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  table_.emplace(request->id().value, request);
  return true;
}

std::shared_ptr<Request> OpenRequests::find(RequestId id, PeerId from) const {
  const std::lock_guard lock(mutex_);
  const auto at = table_.find(id.value);
  return at != table_.end() && may_answer(*at->second, from) ? at->second : nullptr;
}

std::shared_ptr<Request> OpenRequests::take(RequestId id, PeerId from) {
  const std::lock_guard lock(mutex_);
  const auto at = table_.find(id.value);
  if (at == table_.end() || !may_answer(*at->second, from)) return nullptr;
  auto request = std::move(at->second);
  table_.erase(at);
  return request;
}

bool OpenRequests::contains(RequestId id) const {
  const std::lock_guard lock(mutex_);
  return table_.contains(id.value);
}

std::shared_ptr<Request> OpenRequests::oldest(PeerId kernel) const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Request> first;
  for (const auto& [id, request] : table_)
    if (request->kernel() && peer_of(request->kernel()->id()) == kernel &&
        (!first || id < first->id().value))
      first = request;
  return first;
}

std::vector<PeerId> OpenRequests::kernels() const {
  const std::lock_guard lock(mutex_);
  std::set<PeerId> all;
  for (const auto& [id, request] : table_)
    if (request->kernel()) all.insert(peer_of(request->kernel()->id()));
  return {all.begin(), all.end()};
}

void OpenRequests::spoil(RequestId id, std::exception_ptr thrown) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = table_.find(id.value);
  if (at != table_.end()) at->second->spoil_with(std::move(thrown));
}

void OpenRequests::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::shared_ptr<Request> OpenRequests::take_any() {
  const std::lock_guard lock(mutex_);
  const auto first = table_.begin();
  if (first == table_.end()) return nullptr;
  auto request = std::move(first->second);
  table_.erase(first);
  return request;
}

}  // namespace oast::detail
