#include "open_requests.hpp"

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

void OpenRequests::spoil(RequestId id, std::exception_ptr thrown) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = table_.find(id.value);
  if (at != table_.end()) at->second->spoil_with(std::move(thrown));
}

std::vector<std::shared_ptr<Request>> OpenRequests::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  std::vector<std::shared_ptr<Request>> all;
  all.reserve(table_.size());
  for (auto& [id, request] : table_) all.push_back(std::move(request));
  table_.clear();
  return all;
}

}  // namespace oast::detail
