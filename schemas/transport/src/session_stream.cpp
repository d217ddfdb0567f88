#include "oast/session_stream.hpp"

#include <algorithm>
#include <utility>

namespace oast::wire {

Packet share(Packet& packet) {
  Packet shared;
  shared.message.copy(packet.message);
  shared.buffers.resize(packet.buffers.size());
  for (std::size_t i = 0; i < shared.buffers.size(); ++i) shared.buffers[i].copy(packet.buffers[i]);
  return shared;
}

void SentMessages::keep(PeerId to, Packet& packet) {
  set_number(packet, last_ + 1);
  kept_.push_back({last_ + 1, to, share(packet)});
  bytes_ += packet.bytes();
  ++last_;
}

void SentMessages::acknowledge(std::uint64_t number) {
  while (!kept_.empty() && kept_.front().number <= number) {
    bytes_ -= kept_.front().packet.bytes();
    kept_.pop_front();
  }
}

void SentMessages::go_on_after(std::uint64_t number) { last_ = std::max(last_, number); }

bool ReceivedMessages::take(std::uint64_t number, std::size_t bytes) {
  if (number == 0) return true;
  if (number <= last_) return false;
  last_ = number;
  bytes_ += bytes;
  return true;
}

std::optional<std::uint64_t> ReceivedMessages::due(bool rest) {
  if (rest ? told_ == last_ : bytes_ < kWorthTelling) return std::nullopt;
  bytes_ = 0;
  told_ = last_;
  return last_;
}

}  // namespace oast::wire
