// The files of kernels' logs: LOG_FORMAT.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "log_record.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

struct LogFileLimits {
  /// Of the files of one kernel. Beyond it, its oldest segment goes.
  std::uint64_t kernel_bytes = std::uint64_t{64} << 20;
  /// Of all files. Beyond it, the oldest segment of that kernel goes which has most, so that a
  /// flood costs whom it comes from.
  std::uint64_t total_bytes = std::uint64_t{1} << 30;
  /// From here on a segment gets no more batches.
  std::uint64_t segment_bytes = std::uint64_t{4} << 20;
};

/// Numbers of a kernel's log that are in files no more, or never came there.
struct LostRecords {
  KernelId kernel;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;  ///< of messages and buffers
};

/// Writes and reads segments, in `directory`/logs/<kernel>/<first number>.segment. Every call may
/// block for as long as the file system does: for one thread, which is not the loop's. Holds no
/// descriptor of a segment between calls.
///
/// Calls throw nothing but std::bad_alloc, and that only where it says so.
class LogFiles {
 public:
  LogFiles(const std::filesystem::path& directory, const LogFileLimits& limits);

  struct Written {
    std::string problem;            ///< why the batch was not written; empty: it was
    std::vector<LostRecords> lost;  ///< the batch when there is a problem; what went for bounds
  };
  /// The batch goes to the end of one segment, as a whole or not at all; after a problem the next
  /// begins another segment. Records of more than LogFileLimits::kernel_bytes are lost at once.
  Written write(KernelId kernel, const std::vector<Record>& records);

  struct Fetched {
    std::vector<Record> records;
    /// None of the numbers from the first asked for to this one are left out.
    std::uint64_t next = 0;
    std::vector<LostRecords> lost;  ///< what turned out to be unreadable
    std::string problem;            ///< why nothing could be read, though it may be later
  };
  /// Records `from` to `until`, of up to `max_bytes` but at least one, if there are any. With
  /// `give_up` what cannot be read now is lost, and there is no `problem`. May throw
  /// std::bad_alloc, and can be called again then.
  Fetched fetch(KernelId kernel, std::uint64_t from, std::uint64_t until, std::size_t max_bytes,
                bool give_up);

  /// Deletes the kernel's files.
  void remove(KernelId kernel);
  /// Deletes the logs of earlier brokers to which nothing was written for so long. Precondition:
  /// no other broker uses the directory (DataDir).
  void remove_older_than(std::chrono::seconds age);

 private:
  struct Position {
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
  };
  struct Segment {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t bytes = 0;      // of messages and buffers
    std::uint64_t size = 0;       // of the file
    std::vector<Position> index;  // of some of its records, ascending
  };
  struct KernelFiles {
    std::deque<Segment> segments;
    std::uint64_t size = 0;           // of all of them
    std::uint64_t bytes_written = 0;  // of messages and buffers, ever
    bool open_ended = false;          // the last segment takes more
  };

  std::filesystem::path directory_of(KernelId kernel) const;
  std::filesystem::path path_of(KernelId kernel, const Segment& segment) const;
  void write_batch(KernelId kernel, KernelFiles& files, const std::vector<const Record*>& batch);
  void make_root();
  void enforce_limits(KernelId kernel, std::vector<LostRecords>& lost);
  void drop_oldest(KernelId kernel, KernelFiles& files, std::vector<LostRecords>& lost);
  bool read_segment(KernelId kernel, const Segment& segment, std::uint64_t from,
                    std::uint64_t until, std::size_t max_bytes, Fetched& fetched) const;
  void drop_unreadable(KernelId kernel, KernelFiles& files, std::size_t index, Fetched& fetched,
                       bool give_up);

  const std::filesystem::path root_;
  const LogFileLimits limits_;
  bool root_made_ = false;
  std::unordered_map<KernelId, KernelFiles> kernels_;
  std::uint64_t size_ = 0;
};

}  // namespace oast::broker
