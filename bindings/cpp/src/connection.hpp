// The two sockets of a host on its broker.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "broker_endpoint.hpp"
#include "control_connection.hpp"
#include "oast/dial.hpp"
#include "oast/ids.hpp"
#include "oast/shared_socket.hpp"

namespace oast::detail {

/// Both sockets of a host that a broker has let in, and the two threads that keep them going: one
/// owns control, one receives data while nobody else does. It knows nothing of requests: that is
/// the session's, which could have another connection later.
///
/// Thread-safe. The handlers of data run on the thread that receives, those of control on its own.
class Connection {
 public:
  struct Handlers {
    wire::SharedSocket::Handler on_data;
    wire::SharedSocket::RefusedHandler on_data_refused;
    std::function<void(wire::Addressed&&)> on_control;
    std::function<void(const wire::Refused&)> on_control_refused;
    /// Something was sent on control.
    std::function<void()> on_sent;
    /// The broker is gone. Called once.
    std::function<void(const std::string& why)> on_lost;
    /// It may `replace` the socket of data meanwhile.
    ControlConnection::Redial redial = {};
  };

  /// `endpoint` outlives it.
  Connection(const BrokerEndpoint& endpoint, wire::Connection dialled, Handlers handlers);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  /// Starts the threads. Nothing is received before.
  void start();
  /// Ends all waits, says Goodbye on control, for good or not, and ends that thread. Blocks. Called
  /// once.
  void stop(bool for_good);
  /// Blocks until the background thread has ended, whose callback may wait for an open request.
  /// Called once, after `stop`.
  void join() { background_.join(); }
  /// `stop` was called. Does not block.
  bool stopping() const { return stopping_; }

  PeerId self() const { return self_; }
  ControlConnection& control() { return control_; }
  wire::SharedSocket& data() { return data_; }

 private:
  const PeerId self_;
  std::atomic<bool> stopping_{false};
  ControlConnection control_;
  wire::SharedSocket data_;
  std::thread background_;
};

}  // namespace oast::detail
