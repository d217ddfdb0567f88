#include <chrono>
#include <optional>

#include "api_boundary.hpp"
#include "handles.hpp"

using oast::c::guarded;
using oast::c::need;

namespace {

using Clock = std::chrono::steady_clock;

/// The clock counts nanoseconds: a longer wait is one for ever.
constexpr std::int64_t kLongest = std::int64_t{1} << 40;

}  // namespace

std::optional<Clock::time_point> oast::c::deadline_after(std::int64_t timeout_ms) {
  if (timeout_ms < 0 || timeout_ms > kLongest) return std::nullopt;
  return Clock::now() + std::chrono::milliseconds(timeout_ms);
}

bool oast::c::wait(detail::Pending& pending, std::int64_t timeout_ms) {
  if (pending.ready()) return true;
  return timeout_ms != 0 && pending.wait(deadline_after(timeout_ms));
}

oast_status oast_future::finish() {
  const std::lock_guard lock(mutex);
  if (!finished) {
    try {
      // What nobody else holds need not be copied.
      const bool alone = pending.use_count() == 1;
      std::vector<oast::Value> values;
      values.push_back(alone ? pending->take() : pending->value());
      value = oast::CValues(std::move(values));
    } catch (const oast::Error& error) {
      failure = error.failure();
      failure_view.emplace(*failure);
    }
    finished = true;
  }
  return failure ? oast::c::note(*failure) : OAST_OK;
}

void oast::c::give(oast_future** future, const std::shared_ptr<detail::Pending>& pending) {
  if (future != nullptr) *future = std::make_unique<oast_future>(pending).release();
}

extern "C" {

oast_status oast_future_get(oast_future* future, int64_t timeout_ms, oast_value* value) {
  oast_status status = OAST_OK;
  const oast_status error = guarded([&] {
    oast_future& f = need(future, "the future");
    if (!oast::c::wait(*f.pending, timeout_ms))
      throw oast::Error(oast::FailureKind::timeout, "no answer yet");
    status = f.finish();
    if (status == OAST_OK && value != nullptr) *value = f.value.get();
  });
  return error != OAST_OK ? error : status;
}

int oast_future_ready(const oast_future* future) {
  return future != nullptr && future->pending->ready() ? 1 : 0;
}

oast_status oast_future_key(const oast_future* future, uint64_t* host, uint64_t* request) {
  return guarded([&] {
    const oast::RequestKey key = need(future, "the future").pending->key();
    need(host, "the room for the host") = key.host.value;
    need(request, "the room for the request") = key.id.value;
  });
}

const oast_failure* oast_future_failure(oast_future* future) {
  const oast_failure* result = nullptr;
  static_cast<void>(guarded([&] {
    if (future == nullptr || !future->pending->ready() || future->finish() == OAST_OK) return;
    result = future->failure_view->get();
  }));
  return result;
}

oast_status oast_future_cancel(oast_future* future) {
  return guarded([&] { need(future, "the future").pending->cancel(); });
}

oast_status oast_future_then(oast_future* future, void (*on_ready)(void* context), void* context) {
  return guarded([&] {
    if (on_ready == nullptr)
      throw oast::Error(oast::FailureKind::invalid, "there is nothing to call");
    need(future, "the future").pending->then([=] { on_ready(context); });
  });
}

void oast_future_free(oast_future* future) {
  delete future;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}
}
