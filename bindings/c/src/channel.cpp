#include "api_boundary.hpp"
#include "handles.hpp"

using oast::FailureKind;
using oast::c::guarded;
using oast::c::need;

namespace {

/// For a worker that runs a moment is enough, whatever its code does.
constexpr std::int64_t kAnswerMs = 1000;

[[noreturn]] void time_is_over(std::int64_t timeout_ms) {
  throw oast::Error(FailureKind::timeout,
                    "the channel gave no answer for " + std::to_string(timeout_ms) + " ms");
}

/// Throws what a put or take that is ready ended with; that it was taken back is a timeout.
void check(const oast::detail::Pending& pending, bool in_time, std::int64_t timeout_ms) {
  try {
    static_cast<void>(pending.value());
  } catch (const oast::Error& error) {
    if (in_time || error.kind() != FailureKind::interrupted) throw;
    time_is_over(timeout_ms);
  }
}

/// Waits for a put, and takes it back when the time is over first. Only its worker knows whether
/// that came too late.
void finish_put(oast::detail::Pending& put, std::int64_t timeout_ms) {
  bool in_time = false;
  try {
    in_time = oast::c::wait(put, timeout_ms);
    if (!in_time) put.cancel();
    oast::c::wait(put, -1);
  } catch (const oast::Error&) {  // the interrupt check's
    put.cancel();
    throw;
  }
  check(put, in_time, timeout_ms);
}

/// The same for a take, which goes back when its worker does not answer.
void finish_take(const oast::RemoteChannel<>& channel, const oast::Future<oast::Value>& taken,
                 std::int64_t timeout_ms) {
  bool in_time = false;
  bool answered = false;
  try {
    in_time = oast::c::wait(*taken.pending(), timeout_ms);
    if (!in_time) taken.cancel();
    answered = oast::c::wait(*taken.pending(), kAnswerMs);
  } catch (const oast::Error&) {  // the interrupt check's
    channel.abandon(taken);
    throw;
  }
  if (!answered) {
    channel.abandon(taken);
    time_is_over(timeout_ms);
  }
  check(*taken.pending(), in_time, timeout_ms);
}

}  // namespace

extern "C" {

oast_status oast_worker_channel(oast_worker* worker, oast_text code, int64_t timeout_ms,
                                oast_channel** channel) {
  return guarded([&] {
    oast::EvalOptions options;
    if (timeout_ms > 0) options.timeout = std::chrono::milliseconds(timeout_ms);
    auto opened = need(worker, "the worker")
                      .evaluator->worker_channel<>(oast::from_c(code), std::move(options));
    need(channel, "the room for the channel") =
        std::make_unique<oast_channel>(oast_channel{std::move(opened)}).release();
  });
}

void oast_channel_free(oast_channel* channel) {
  delete channel;  // NOLINT(cppcoreguidelines-owning-memory): what the C side owned
}

uint64_t oast_channel_id(const oast_channel* channel) {
  return channel == nullptr ? 0 : channel->channel.id().value;
}

oast_status oast_channel_put_async(oast_channel* channel, oast_value value, oast_release release,
                                   void* release_context, oast_future** future) {
  return guarded([&] {
    const auto lender = oast::c::lender(release, release_context);
    const auto put = need(channel, "the channel").channel.put_async(oast::from_c(value, lender));
    oast::c::give(future, put.pending());
  });
}

oast_status oast_channel_take_async(oast_channel* channel, oast_future** future) {
  return guarded([&] {
    oast_future*& room = need(future, "the room for the future");
    oast::c::give(&room, need(channel, "the channel").channel.take_async().pending());
  });
}

oast_status oast_channel_put(oast_channel* channel, oast_value value, int64_t timeout_ms) {
  return guarded([&] {
    const auto put = need(channel, "the channel").channel.put_async(oast::from_c(value));
    finish_put(*put.pending(), timeout_ms);
  });
}

oast_status oast_channel_take(oast_channel* channel, int64_t timeout_ms, oast_future** future,
                              oast_value* value) {
  return guarded([&] {
    oast_future*& room = need(future, "the room for the future");
    const auto& from = need(channel, "the channel").channel;
    const auto taken = from.take_async();
    finish_take(from, taken, timeout_ms);
    oast::c::give(&room, taken.pending());
    static_cast<void>(oast_future_get(room, 0, value));
  });
}

oast_status oast_channel_abandon(oast_channel* channel, oast_future* future) {
  return guarded([&] {
    const auto& pending = need(future, "the future").pending;
    need(channel, "the channel").channel.abandon(oast::Future<oast::Value>(pending));
  });
}

oast_status oast_channel_ready(oast_channel* channel, int* ready) {
  return guarded([&] {
    const bool is = need(channel, "the channel").channel.is_ready();
    need(ready, "the room for the answer") = is ? 1 : 0;
  });
}

oast_status oast_channel_close(oast_channel* channel) {
  return guarded([&] { need(channel, "the channel").channel.close(); });
}
}
