#include "heartbeats.hpp"

#include <algorithm>
#include <utility>

namespace oast::broker {

namespace {

/// Answers that are kept for a host in a session. A host that has so many and acknowledges none
/// never will.
constexpr std::size_t kMostKept = std::size_t{64} << 20;

std::uint64_t nanoseconds(Clock::TimePoint time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

}  // namespace

Heartbeats::Heartbeats(EventLoop& loop, const Options& options, PeerTable& peers,
                       KernelTable& kernels, PeerSender& sender, Events& events, Logger log)
    : loop_(loop),
      options_(options),
      peers_(peers),
      kernels_(kernels),
      sender_(sender),
      events_(events),
      log_(std::move(log)),
      last_beat_(loop.now()),
      timer_(loop_.after(options.heartbeat, [this] { beat(); })) {}

void Heartbeats::beat() {
  timer_ = loop_.after(options_.heartbeat, [this] { beat(); });
  const auto now = loop_.now();
  // A late beat is time that this process did not run, in which it could hear nobody.
  const auto late = std::max(now - std::exchange(last_beat_, now) - options_.heartbeat,
                             Clock::TimePoint::duration{});
  peers_.each([&](Peer& peer) { peer.last_heard = std::min(peer.last_heard + late, now); });
  wire::PingT ping;
  ping.sent_ns = nanoseconds(loop_.now());
  // Conclusions after the round: they change the table.
  std::vector<PeerId> everybody;
  std::vector<PeerId> lost;
  peers_.each([&](Peer& peer) {
    everybody.push_back(peer.id);
    check(peer, lost);
  });
  for (const PeerId id : everybody) sender_.control(id, RequestId{}, ping);
  std::vector<PeerId> crowded;
  peers_.each([&](Peer& peer) {
    sender_.acknowledge(peer, true);
    if (peer.session && peer.session->kept_bytes() > kMostKept) crowded.push_back(peer.id);
  });
  for (const PeerId id : lost) on_lost_(id);
  for (const PeerId id : crowded) on_crowded_(id);
}

void Heartbeats::check(Peer& peer, std::vector<PeerId>& lost) {
  if (peer.away()) return;
  if (loop_.now() - peer.last_heard <= options_.heartbeat * options_.heartbeat_misses) return;
  Kernel* kernel = kernels_.find(KernelId{peer.id.value});
  if (kernel == nullptr) {
    if (!peer.process) lost.push_back(peer.id);
  } else if (kernel->state.apply(KernelEvent::heartbeat_missed)) {
    log_->warn("OB201 kernel {} ({}) misses heartbeats", kernel->id.value, kernel->name);
    events_.changed(*kernel);
  }
}

void Heartbeats::pong(Peer& peer, const wire::Pong& pong) {
  Kernel* kernel = kernels_.find(KernelId{peer.id.value});
  if (kernel == nullptr) return;
  const auto now = nanoseconds(loop_.now());
  if (pong.sent_ns() <= now)
    kernel->round_trip_ms = static_cast<double>(now - pong.sent_ns()) / 1e6;
  if (const auto* usage = pong.usage()) {
    kernel->current = {PeerId{usage->host()}, RequestId{usage->request()}};
    kernel->current_ms = usage->request_ms();
    kernel->rss_bytes = usage->rss_bytes();
    kernel->cpu_seconds = usage->cpu_seconds();
  }
  if (kernel->state.apply(KernelEvent::pong)) {
    log_->info("OB202 kernel {} ({}) answers again", kernel->id.value, kernel->name);
    events_.changed(*kernel);
  }
  events_.heartbeat(*kernel);
}

}  // namespace oast::broker
