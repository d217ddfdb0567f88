// What lets a session go on over another connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.hpp"
#include "oast/codec.hpp"
#include "oast/dial.hpp"
#include "oast/ids.hpp"
#include "oast/session_stream.hpp"

namespace oast::detail {

/// Numbers and keeps what a host sends its broker until that has it, and counts what has come from
/// the broker and from each kernel, so that after a cut nothing is missing and nothing comes twice:
/// PROTOCOL.md, "Sessions". Packets that are sent over it were packed with kNumberLater.
///
/// Thread-safe; what is sent on one socket leaves in the order of the numbers.
class Resumption {
 public:
  struct Options {
    std::string name;
    std::string secret;
    std::chrono::milliseconds timeout;  ///< how long the session waits for its host
  };
  explicit Resumption(Options options) : options_(std::move(options)) {}

  const Options& options() const { return options_; }
  void introduce(wire::HelloT& hello);
  /// Of a process that goes on with the session of an earlier one.
  void go_on_after(const wire::Connection& dialled);

  void send(Connection& connection, wire::Packet&& packet);
  void send_data(Connection& connection, PeerId to, wire::Packet&& packet);
  /// Something came of the broker, on control, and of a peer, on data. False: it came before.
  bool take(Connection& connection, std::uint64_t number, std::size_t bytes);
  bool take_data(Connection& connection, PeerId from, std::uint64_t number, std::size_t bytes);
  /// The broker has what was sent up to this number.
  void acknowledge(std::uint64_t number);
  void acknowledge_data(std::uint64_t number);
  /// The last record that came of the kernel, if that is known still; else 0.
  std::uint64_t seen(PeerId kernel);

  /// Goes on over another connection: sends what the broker lacks, asks for what is missing of
  /// `kernels` and of those that something came from, and then sends `more`. Gives the socket that
  /// replaces that of control. On the thread of control.
  zmq::socket_t go_on(Connection& connection, wire::Connection&& dialled,
                      const std::vector<PeerId>& kernels, std::vector<wire::Packet>&& more);

 private:
  const Options options_;
  std::mutex mutex_;  // guards all below, and the order of what is sent
  wire::SentMessages sent_;
  wire::SentMessages sent_data_;
  wire::ReceivedMessages received_;
  wire::ReceivedMessages received_data_;
  std::unordered_map<PeerId, std::uint64_t> seen_;  // by kernel, the last of its records
};

}  // namespace oast::detail
