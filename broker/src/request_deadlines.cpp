#include "request_deadlines.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace oast::broker {

namespace {

using std::chrono::milliseconds;

/// What a timer can wait for; nobody waits longer.
constexpr milliseconds kLongest = std::chrono::hours(24 * 365 * 100);

milliseconds clamped(std::uint64_t time) {
  const auto most = static_cast<std::uint64_t>(kLongest.count());
  return milliseconds(static_cast<std::int64_t>(std::min(time, most)));
}

/// "2 s", "1500 ms"
std::string text(milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

std::string sentence(const RequestDeadline& deadline) {
  return "the request did not end within " + text(deadline.time);
}

}  // namespace

void RequestDeadlines::set(Kernel& kernel, RequestKey key, std::uint64_t timeout,
                           std::uint64_t kill) {
  auto deadline = std::make_unique<RequestDeadline>();
  deadline->time = clamped(timeout);
  deadline->kill = clamped(kill);
  deadline->timer = loop_.after(deadline->time, [this, id = kernel.id, key] { expired(id, key); });
  kernel.queue.find(key)->deadline = std::move(deadline);
}

void RequestDeadlines::expired(KernelId id, RequestKey key) {
  Kernel* kernel = kernels_.find(id);
  auto* open = kernel == nullptr ? nullptr : kernel->queue.find(key);
  if (open == nullptr) return;
  RequestDeadline& deadline = *open->deadline;
  if (open->stage == RequestQueue::Stage::waiting)
    return end_(*kernel, key,
                failure(FailureKind::timeout, sentence(deadline) + "; it had not begun"));
  deadline.passed = true;
  if (deadline.kill.count() != 0)
    deadline.timer = loop_.after(deadline.kill, [this, id, key] { still_runs(id, key); });
  interrupts_.interrupt(*kernel, open->sequence);
}

void RequestDeadlines::still_runs(KernelId id, RequestKey key) {
  Kernel* kernel = kernels_.find(id);
  const auto* open = kernel == nullptr ? nullptr : kernel->queue.find(key);
  if (open == nullptr) return;
  supervisor_.kill(*kernel, DeathCause::time_limit,
                   "request " + std::to_string(key.id.value) + " of host " +
                       std::to_string(key.host.value) + " ran " + text(open->deadline->kill) +
                       " beyond its deadline");
}

void RequestDeadlines::explain(const RequestQueue::Open& open, wire::Packet& packet) {
  if (open.deadline == nullptr || !open.deadline->passed) return;
  const auto* said = packet.root().body_as_Failure();
  if (said == nullptr) return;
  Failure why = wire::read(*said);
  const bool interrupted = why.kind == FailureKind::interrupted;
  why.message = sentence(*open.deadline) +
                (interrupted ? "" : "; when it was interrupted it failed: " + why.message);
  why.kind = FailureKind::timeout;
  packet = wire::pack(RequestId{packet.root().id()}, why, packet.root().number());
}

}  // namespace oast::broker
