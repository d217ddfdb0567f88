#include "oast/remote_channel.hpp"

#include <utility>

namespace oast::detail {

namespace {

using Clock = Pending::Clock;

/// For a worker that runs a moment is enough, whatever its code does.
constexpr std::chrono::seconds kAnswer{1};

}  // namespace

bool await_take(const std::shared_ptr<ChannelHome>& home, ChannelId channel,
                const std::shared_ptr<Pending>& take,
                std::optional<std::chrono::nanoseconds> time) {
  try {
    if (take->wait(time ? std::optional(Clock::now() + *time) : std::nullopt)) return true;
    take->cancel();
    if (take->wait(Clock::now() + kAnswer)) return true;
  } catch (const Error&) {  // the interrupt check's
    abandon_take(home, channel, take);
    throw;
  }
  abandon_take(home, channel, take);
  return false;
}

void abandon_take(const std::shared_ptr<ChannelHome>& home, ChannelId channel,
                  const std::shared_ptr<Pending>& take) {
  take->cancel();
  // Who ends the request holds it meanwhile.
  take->then([home, channel, weak = std::weak_ptr(take)] {
    const auto ended = weak.lock();
    if (!ended) return;
    try {
      static_cast<void>(home->channel(ChannelHome::Operation::put_back, channel, ended->value()));
    } catch (const std::exception&) {
      // It got nothing, or its worker has gone.
    }
  });
}

}  // namespace oast::detail
