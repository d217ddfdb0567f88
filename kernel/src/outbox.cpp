#include "outbox.hpp"

#include <utility>

namespace oast::kernel {

namespace {

/// Keeps a message, and takes its bytes off the count when nobody has it any more.
struct Watched {
  zmq::message_t message;
  std::shared_ptr<std::atomic<std::size_t>> bytes;
};

void release(void* /*data*/, void* hint) {
  const std::unique_ptr<Watched> watched(static_cast<Watched*>(hint));
  *watched->bytes -= watched->message.size();
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
  if (!memory_ || !memory_->keep(to, last_, packet))
    packet.message = watched(std::move(packet.message));
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

/// A connection sends in order: what was sent before a message has left when the message has.
zmq::message_t Outbox::watched(zmq::message_t message) const {
  *unsent_ += message.size();
  auto kept = std::make_unique<Watched>(Watched{std::move(message), unsent_});
  zmq::message_t result(kept->message.data(), kept->message.size(), release, kept.get());
  static_cast<void>(kept.release());
  return result;
}

}  // namespace oast::kernel
