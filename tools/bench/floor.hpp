// What libzmq alone costs: the same frames through a bare proxy.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <zmq.hpp>

#include "child.hpp"

namespace oast::bench {

/// Bytes of the frames behind the address frame, of a request and of its reply.
struct FrameSizes {
  std::size_t request = 0;
  std::size_t reply = 0;
};

/// The frames of `1 + 1` and of its answer, as oast writes them.
FrameSizes frame_sizes();

/// host DEALER -- ROUTER proxy DEALER -- echoing DEALER: three processes over ipc, as a host, a
/// broker and a kernel are. This object is the host. Not thread-safe.
class Floor {
 public:
  /// Forks two children: construct it before anything that makes threads. Sockets are made in
  /// `directory`.
  Floor(const std::filesystem::path& directory, FrameSizes sizes);

  /// Connects, and waits for the first echo. To be called once, before the rest.
  void connect();
  /// One request and its reply.
  void round_trip();
  /// `count` requests sent without waiting, then as many replies.
  void pipelined(std::size_t count);

 private:
  void send();
  void receive();

  FrameSizes sizes_;
  std::string endpoint_;
  Child proxy_;
  Child echo_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
};

}  // namespace oast::bench
