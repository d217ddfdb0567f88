// The log of a kernel: whatever it says to hosts, in order, until nobody can want it any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "log_ranges.hpp"
#include "log_record.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

class LogStore;

struct KernelLogOptions {
  /// Of done records in memory, with what the log itself needs for each.
  std::size_t memory_bytes = std::size_t{1} << 20;
  /// Where older records go; null: nowhere. Must outlive the log.
  LogStore* store = nullptr;
  /// The number of the first record. Those before it count as a gap of no bytes.
  std::uint64_t first = 1;
};

/// Numbered records, of which hosts read from any number on, each at its own pace.
///
/// Where a record is:
/// - The newest are in memory, in `window_`: all that are not done, and of those that are done as
///   many as KernelLogOptions::memory_bytes allow.
/// - Older ones go to the store in order and in batches, or, where there is none, are gone. What
///   somebody waits for is in memory all the same (`held_`): records that are not done, replies
///   that are not acknowledged and open requests for input are never lost, whatever the disk does.
/// - An acknowledged reply that is not to be kept becomes a stub: its number is no gap, and nothing
///   of it is kept or written.
/// - What is gone is a gap, with its numbers and bytes.
///
/// Sizes are of messages and buffers, in bytes. On the loop's thread only; nothing blocks. Calls
/// are of constant cost, some amortized, and bounded. They throw std::bad_alloc only.
class KernelLog {
 public:
  explicit KernelLog(KernelId kernel, const KernelLogOptions& options = {});
  /// Leaves the files to the store: LogStore::remove.
  ~KernelLog();
  KernelLog(const KernelLog&) = delete;
  KernelLog& operator=(const KernelLog&) = delete;

  /// Takes the record as it is. False, with nothing done, unless its number is `end()`. With `keep`
  /// a reply stays in the log when it has been acknowledged.
  [[nodiscard]] bool append(Record&& record, bool keep = false);

  /// Everybody who has to get the record now has it, or will read it later from wherever it is.
  /// Once for each record, in any order; again, or of an unknown number, does nothing.
  void mark_done(std::uint64_t number);
  /// The reply's host has acknowledged it. Does nothing for records that are no reply.
  void drop_payload(std::uint64_t number);
  /// Nobody is to answer this InputRequest any more. Does nothing for other records.
  void input_over(std::uint64_t number);

  /// All records up to this number are done.
  std::uint64_t released() const { return released_; }
  /// Of the records behind `released()`, whether done or not.
  std::uint64_t unreleased_bytes() const { return total_bytes_ - released_bytes_; }

  /// The lowest number of which there may be something; `end()` when there is nothing.
  std::uint64_t first() const;
  /// Of the newest record; `end() - 1`.
  std::uint64_t last() const { return end_ - 1; }
  /// The number that the next record has to have.
  std::uint64_t end() const { return end_; }
  /// Of all that can be read: in memory and on disk.
  std::uint64_t bytes() const { return memory_bytes_ + stored_bytes_; }
  /// Of all that is in memory.
  std::uint64_t memory_bytes() const { return memory_bytes_; }
  /// Of all that was ever appended.
  std::uint64_t total_bytes() const { return total_bytes_; }

  /// `from` is behind the last record.
  struct Nothing {};
  /// In ascending order, sharing memory with the log. Go on at `next`, also when there are none:
  /// of the numbers in between there is nothing.
  struct Records {
    std::vector<Record> records;
    std::uint64_t next = 0;
  };
  /// `fetch` brings them.
  struct OnDisk {};
  /// Go on at `last + 1`.
  using Gap = broker::Gap;
  using Read = std::variant<Nothing, Records, OnDisk, Gap>;

  /// What there is at `from`, or next behind it: records of up to `max_bytes`, at least one.
  Read read(std::uint64_t from, std::size_t max_bytes);

  using Fetched = std::function<void(Records)>;
  /// Precondition: `read(from)` is OnDisk. Reads on the store's thread and calls back on the loop,
  /// later, and not if the log is gone by then. A disk that hangs never does. What turned out to be
  /// unreadable is a gap that `read` tells from then on; `next` is then its beginning.
  void fetch(std::uint64_t from, std::size_t max_bytes, Fetched callback);

  enum class Spilled : unsigned char {
    all,
    some,   ///< call again
    later,  ///< the store takes none now
  };
  /// Sends done records to the store, some at each call. For a kernel that is dead, whose log need
  /// not be in memory.
  Spilled spill();

 private:
  struct Entry {
    explicit Entry(Record&& said) : record(std::move(said)) {}

    Record record;
    std::uint64_t before = 0;  // bytes of all earlier records
    std::uint64_t bytes = 0;   // of the packet, also when that was dropped
    bool done = false;
    bool pinned = false;  // a reply without its acknowledgement, an InputRequest that is open
    bool kept = false;    // a reply that stays after it
    bool stub = false;
    bool stored = false;  // of a held one: the store has a copy

    bool evictable() const { return done && !pinned; }
    /// Goes to disk in its turn.
    bool logged() const { return !stub && (kept || !is_reply(record.body)); }
    std::size_t cost() const { return sizeof(Entry) + (stub ? 0 : bytes); }
  };
  struct Batch;

  Entry* find(std::uint64_t number);
  /// A done record, a reply that is acknowledged, a request for input that is over: what can leave
  /// memory has changed.
  void settle(Entry& entry);
  void drop_stubs();
  void drop_held(std::uint64_t number, const Entry& entry);
  void make_stub(Entry& entry);
  void advance_released();
  bool evict(std::size_t target);
  void evict_front(Batch& batch);
  void hold(Entry& entry, Batch& batch);
  void hand_over(Batch& batch);
  void lose(std::uint64_t first, std::uint64_t last, std::uint64_t bytes);
  Records read_window(std::uint64_t from, std::size_t max_bytes);
  Records read_held(std::uint64_t from, std::size_t max_bytes);
  Records without_lost(Records read, std::uint64_t from) const;
  std::uint64_t next_held(std::uint64_t from) const;

  const KernelId kernel_;
  const std::size_t memory_limit_;
  LogStore* const store_;

  std::uint64_t end_;
  std::uint64_t window_first_;  // the number of window_.front(), or end_
  std::deque<Entry> window_;
  std::size_t evictable_bytes_ = 0;  // cost of what may leave the window

  std::map<std::uint64_t, Entry> held_;  // below the window
  std::set<std::uint64_t> waiting_;      // those of held_ that are not done
  LogRanges ranges_;                     // below the window

  std::uint64_t released_;
  std::uint64_t released_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
};

}  // namespace oast::broker
