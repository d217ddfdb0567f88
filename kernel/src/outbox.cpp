#include "outbox.hpp"

#include <utility>

namespace oast::kernel {

namespace {

/// Keeps a frame, and takes its record off the count when nobody has it any more.
struct Watched {
  zmq::message_t frame;
  std::shared_ptr<std::atomic<std::size_t>> count;
};

void release(void* /*data*/, void* hint) {
  const std::unique_ptr<Watched> watched(static_cast<Watched*>(hint));
  --*watched->count;
}

}  // namespace

void Outbox::send(PeerId to, wire::Packet packet) {
  const std::lock_guard lock(mutex_);
  wire::set_number(packet, ++last_);
  if (window_ != 0) {
    sizes_.push_back(packet.bytes());
    unacknowledged_ += sizes_.back();
  }
  // What outlives this process need not have left it.
  if (!memory_ || !memory_->keep(to, last_, packet)) {
    zmq::message_t& last = packet.buffers.empty() ? packet.message : packet.buffers.back();
    last = watched(std::move(last));
  }
  transmit_(to, std::move(packet));
}

bool Outbox::acknowledged(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const bool was_full = !room();
  std::size_t done = 0;
  while (!sizes_.empty() && last_ - sizes_.size() + 1 <= number) {
    done += sizes_.front();
    sizes_.pop_front();
  }
  unacknowledged_ -= done;
  return was_full && room();
}

/// A connection sends in order: what was sent before a frame has left when the frame has.
zmq::message_t Outbox::watched(zmq::message_t frame) const {
  ++*unsent_;
  auto kept = std::make_unique<Watched>(Watched{std::move(frame), unsent_});
  zmq::message_t result(kept->frame.data(), kept->frame.size(), release, kept.get());
  static_cast<void>(kept.release());
  return result;
}

}  // namespace oast::kernel
