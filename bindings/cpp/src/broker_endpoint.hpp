// Where a broker lives, and what it takes to speak to it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "oast/broker.hpp"
#include "oast/broker/broker.hpp"

namespace oast::detail {

/// Whoever keeps a endpoint closes its sockets before the endpoint goes, which waits for them.
struct BrokerEndpoint {
  std::filesystem::path directory;
  std::string control;  ///< endpoints
  std::string data;
  std::string events;
  std::string token;
  std::unique_ptr<zmq::context_t> own_context;  ///< for a daemon
  std::unique_ptr<broker::Broker> embedded;

  zmq::context_t& context() const { return embedded ? embedded->context() : *own_context; }
};

/// Starts a broker. Throws what its constructor throws.
BrokerEndpoint make_embedded(const EmbeddedOptions& options);
/// See Broker::connect. Throws Error(not_found) when nobody listens there. Does not dial. An empty
/// token is read from the directory.
BrokerEndpoint find_daemon(std::string_view directory_or_name, std::string token);

}  // namespace oast::detail
