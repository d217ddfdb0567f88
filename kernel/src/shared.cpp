#include "shared.hpp"

#include <utility>

#include "replies.hpp"

namespace oast::kernel {

Shared::Shared(int signal)
    : gate(::pthread_self(), signal, children_since),
      intake(gate, waiters),
      outbox([this](PeerId to, wire::Packet packet) { data->send(to, std::move(packet)); }),
      outputs(capture, outbox) {}

void Shared::reply(RequestKey to, ChannelTable::Outcome outcome) {
  if (auto* failure = std::get_if<Failure>(&outcome)) return fail(to, std::move(*failure));
  wire::Writer writer;
  outbox.send(to.host, result_packet(writer, to.id, std::get<Value>(outcome)));
}

void Shared::fail(RequestKey to, Failure failure) {
  outbox.send(to.host, failure_packet(to.id, std::move(failure)));
}

}  // namespace oast::kernel
