#include "connection.hpp"

#include <chrono>
#include <utility>

#include "thread.hpp"

namespace oast::detail {

namespace {

using std::chrono::milliseconds;

/// How long the data socket has to be free before the background takes it: long enough to stay out
/// of a loop of round trips, short enough for a future that nobody waits for.
constexpr milliseconds kLinger{1};

ControlConnection::Options control_options(const BrokerEndpoint& endpoint,
                                           const wire::Connection& dialled,
                                           Connection::Handlers& handlers) {
  return {
      .silence = endpoint.embedded ? milliseconds(0) : dialled.heartbeat * dialled.heartbeat_misses,
      .on_message = std::move(handlers.on_control),
      .on_refused = std::move(handlers.on_control_refused),
      .on_sent = std::move(handlers.on_sent),
      .on_lost = std::move(handlers.on_lost),
      .redial = std::move(handlers.redial)};
}

/// Who waits for an answer of an embedded broker does that broker's work.
wire::SharedSocket::Poll data_poll(const BrokerEndpoint& endpoint) {
  if (!endpoint.embedded) return {};
  return [&broker = *endpoint.embedded](std::span<pollfd> fds, int time) {
    return broker.poll(fds, time);
  };
}

}  // namespace

Connection::Connection(const BrokerEndpoint& endpoint, wire::Connection dialled, Handlers handlers)
    : self_(dialled.self),
      control_(endpoint.context(), std::move(dialled.control),
               control_options(endpoint, dialled, handlers)),
      data_(std::move(dialled.data), wire::Limits{}, std::move(handlers.on_data),
            data_poll(endpoint), std::move(handlers.on_data_refused)) {}

void Connection::start() {
  control_.start();
  background_ = start_thread("oast-data", [this] {
    while (!stopping_)
      data_.background(kLinger, wire::SharedSocket::Clock::now() + std::chrono::hours(1));
  });
}

void Connection::stop(bool for_good) {
  stopping_ = true;
  data_.close();
  control_.finish(for_good);
}

}  // namespace oast::detail
