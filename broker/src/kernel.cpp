#include "kernel.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "secrets.hpp"

namespace oast::broker {

namespace {

constexpr std::size_t kTailBytes = 4096;

std::uint64_t milliseconds(Clock::TimePoint::duration duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

bool StderrTail::read_from(int fd, std::size_t bytes) {
  std::array<char, 4096> chunk{};
  for (std::size_t sum = 0; sum < bytes;) {
    const auto got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return true;
    if (got == 0) return false;
    sum += static_cast<std::size_t>(got);
    tail_.append(chunk.data(), static_cast<std::size_t>(got));
    if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  }
  return true;
}

std::string StderrTail::text() const {
  if (tail_.size() <= kTailBytes) return tail_;
  const std::size_t start = tail_.size() - kTailBytes;
  const std::size_t line = tail_.find('\n', start);
  return tail_.substr(line == std::string::npos || line + 1 == tail_.size() ? start : line + 1);
}

namespace {

void describe_records(wire::KernelInfoT& info, const KernelRecords& records, Clock::TimePoint now) {
  const KernelLog& log = records.log;
  info.unacknowledged_bytes = log.unreleased_bytes();
  info.log_first = log.first() == log.end() ? 0 : log.first();
  info.log_last = log.last();
  info.log_bytes = log.bytes();
  info.log_problem = records.problem();
  if (!records.held_by) return;
  info.held_by = records.held_by->value;
  info.held_ms = milliseconds(now - records.held_since);
}

}  // namespace

wire::KernelInfoT describe(const Kernel& kernel, Clock::TimePoint now) {
  wire::KernelInfoT info;
  info.id = kernel.id.value;
  info.name = kernel.name;
  info.spec = kernel.spec;
  info.state = kernel.state;
  info.pid = kernel.pid;
  info.owner = kernel.owner.value;
  info.detached = kernel.detached;
  if (const auto running = kernel.queue.running()) {
    info.request = running->id.value;
    info.request_host = running->host.value;
    // The kernel's own figure, as long as it speaks of the same request.
    if (*running == kernel.current) info.request_ms = kernel.current_ms;
  }
  const std::size_t open = kernel.queue.waiting() + kernel.queue.dispatched();
  info.queued = static_cast<std::uint32_t>(open - std::min<std::size_t>(open, 1));
  info.rss_bytes = kernel.rss_bytes;
  info.cpu_seconds = kernel.cpu_seconds;
  info.heartbeat_ms = kernel.round_trip_ms;
  info.age_ms = milliseconds(now - kernel.born);
  if (kernel.records) describe_records(info, *kernel.records, now);
  info.restarts = kernel.restarts;
  info.successor = kernel.successor.value;
  if (!kernel.alive()) info.death = std::make_unique<wire::DeathT>(wire::to_wire(*kernel.death));
  return info;
}

Kernel& KernelTable::add(std::unique_ptr<Kernel> kernel) {
  const auto id = kernel->id.value;
  return *(kernels_[id] = std::move(kernel));
}

Kernel* KernelTable::find(KernelId id) {
  const auto found = kernels_.find(id.value);
  return found == kernels_.end() ? nullptr : found->second.get();
}

Kernel* KernelTable::by_name(const std::string& name) {
  const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const auto& entry) {
    return entry.second->alive() && entry.second->name == name;
  });
  return found == kernels_.end() ? nullptr : found->second.get();
}

Kernel* KernelTable::by_token(const std::string& token) {
  const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const auto& entry) {
    return entry.second->alive() && equal_secret(entry.second->token, token);
  });
  return found == kernels_.end() ? nullptr : found->second.get();
}

Kernel* KernelTable::by_host_token(std::string_view token) {
  const auto found = std::find_if(kernels_.begin(), kernels_.end(), [&](const auto& entry) {
    return entry.second->alive() && equal_secret(entry.second->host_token, token);
  });
  return found == kernels_.end() ? nullptr : found->second.get();
}

std::size_t KernelTable::living() const {
  return static_cast<std::size_t>(std::count_if(
      kernels_.begin(), kernels_.end(), [](const auto& entry) { return entry.second->alive(); }));
}

}  // namespace oast::broker
