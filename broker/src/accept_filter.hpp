// Which connections libzmq gets to see.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace oast::broker {

/// Refuses connections to a broker's sockets while descriptors are short or too many are open that
/// have not proven themselves, and closes those that take too long to.
///
/// libzmq accepts in threads of its own, without a bound, and where accept(2) fails with EMFILE,
/// which is what a thousand idle connections lead to, it aborts the process, and with it a host
/// that embeds the broker (4.3.4, ipc_listener_t::accept; ENFILE, ECONNABORTED and EPROTO it takes
/// for a connection that went away). Whatever watches from outside comes too late. So libzmq's own
/// import of accept4 is replaced: the connection is refused where it is made.
///
/// Threads: all functions from any thread.
class AcceptFilter {
 public:
  AcceptFilter() = default;
  ~AcceptFilter();
  AcceptFilter(const AcceptFilter&) = delete;
  AcceptFilter& operator=(const AcceptFilter&) = delete;

  /// Once for the process; it stays. False when libzmq's import cannot be replaced: then nothing is
  /// refused.
  static bool install();

  /// From now on filters what comes to the socket that is, or will be, bound to this path.
  void add(const std::string& path);
  /// The connection with this descriptor said Hello, joined or subscribed.
  void proven(int fd);

  struct Report {
    unsigned refused = 0;
    unsigned closed = 0;
  };
  /// To be called once a second. Closes those that it found silent four times: what they said while
  /// nobody could listen counts. Tells what happened since the last call.
  Report close_silent();

  /// For libzmq's threads, which hold the lock: whether it may have this connection.
  bool admits(int fd);

 private:
  struct Unproven {
    std::uint64_t cookie;  // of the socket, as the descriptor may be another's by now
    unsigned checks = 0;   // that found it silent
  };
  void forget_closed();

  std::vector<std::string> paths_;
  std::unordered_map<int, Unproven> unproven_;  // by descriptor
  Report report_;
};

}  // namespace oast::broker
