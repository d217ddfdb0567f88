// What a host has done with of what kernels sent it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "oast/ids.hpp"

namespace oast::detail {

/// A record that is being dealt with.
struct RecordKey {
  PeerId kernel;
  std::uint64_t number = 0;  ///< 0: no record
};

/// Counts, per kernel, the bytes of records that are done with, and says when to acknowledge them.
/// An acknowledgement is cumulative, so it never passes a record that is not done.
///
/// Thread-safe; no function blocks beyond its own short lock nor calls back.
class Acknowledgements {
 public:
  /// A sixteenth of the 4 MiB that a kernel may have unacknowledged (Welcome.window_bytes): often
  /// enough never to hold back who is read, seldom enough to cost nothing.
  static constexpr std::size_t kWorthTelling = std::size_t{256} << 10;

  /// A record came whose consumer begins. Records of one kernel begin in the order of their
  /// numbers.
  void begin(const RecordKey& record, std::size_t bytes);
  /// One that had begun is done. Gives the number to acknowledge, if it is time.
  std::optional<std::uint64_t> end(const RecordKey& record);
  /// `begin` and `end` at once.
  std::optional<std::uint64_t> done(const RecordKey& record, std::size_t bytes);
  /// The broker waits for an acknowledgement of `number`, which is the last that this host was
  /// sent, say, while others keep the kernel busy. Gives the number to acknowledge now, if that is
  /// done; else it is told as soon as it is.
  std::optional<std::uint64_t> asked(const RecordKey& record);
  /// Of each kernel the number to which all is done, for a host that leaves.
  std::vector<RecordKey> all_done();
  /// Nobody here knows the kernel any more. Gives the number to acknowledge at last.
  std::optional<std::uint64_t> forget(PeerId kernel);

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
    bool done = false;
  };
  struct Kernel {
    std::deque<Entry> open = {};  // from the first that is not done; of those done, runs are one
    std::size_t bytes = 0;        // done since the last acknowledgement
    std::uint64_t done = 0;       // the last number to which all is done
    std::uint64_t asked = 0;      // the broker waits for it; 0: for none
  };

  std::optional<std::uint64_t> count(Kernel& kernel, std::uint64_t number, std::size_t bytes);

  std::mutex mutex_;
  std::unordered_map<PeerId, Kernel> kernels_;
};

}  // namespace oast::detail
