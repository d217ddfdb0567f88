// What one kernel said, and who has not done with it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "event_loop.hpp"
#include "kernel_log.hpp"
#include "log_store.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

struct LogCursor;  // log_readers.hpp

/// A record that its host got, or will, and has not acknowledged.
struct Unacknowledged {
  std::uint64_t number;
  RequestId reply;          ///< the request that it answers; none: it is no reply
  std::uint64_t bytes = 0;  ///< that it has of LogCursor::waiting_bytes
  bool operator<(const Unacknowledged& other) const { return number < other.number; }
};

/// Kept by the Delivery; outlives the kernel's entry in the KernelTable.
struct KernelRecords {
  KernelRecords(KernelId kernel, const KernelLogOptions& options)
      : id(kernel), store(options.store), log(kernel, options) {}

  const KernelId id;
  const LogStore* const store;
  KernelLog log;
  bool ended = false;  ///< the kernel is dead, and nothing will be said in its name any more

  /// Why the log is not written to its disk; empty when it is.
  std::string problem() const { return store == nullptr ? "" : store->problem(id); }

  /// Numbers that are not due yet, of records that the broker could not take.
  std::set<std::uint64_t> lost;
  /// The newest number for which something shorter is in the log than the kernel sent; 0: none that
  /// it is still to be told of.
  std::uint64_t shortened = 0;

  /// The numbers of the InputRequests that are to be answered, and by whom.
  std::map<std::uint64_t, PeerId> inputs;
  /// In order. Of a host that is behind its replies, and what came while too much waited for it.
  std::unordered_map<PeerId, std::deque<Unacknowledged>> unacknowledged;
  /// Hosts in sessions that are away, or back and still to be sent what they missed.
  std::unordered_map<PeerId, std::shared_ptr<LogCursor>> behind;
  /// Bytes of the records that the kernel knows to be done.
  std::uint64_t acknowledged_bytes = 0;
  /// The number for which the host that holds the kernel back was asked to acknowledge.
  std::uint64_t asked = 0;
  /// The host whose reading holds the kernel back, and since when.
  std::optional<PeerId> held_by;
  Clock::TimePoint held_since{};
};

}  // namespace oast::broker
