// Where the logs of all kernels go when they do not fit into memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "event_loop.hpp"
#include "log_files.hpp"
#include "log_record.hpp"
#include "logger.hpp"
#include "oast/ids.hpp"
#include "worker_thread.hpp"

namespace oast::broker {

struct LogStoreOptions {
  /// Its `logs` is made, with mode 0700, at the first write. No other broker uses it.
  std::filesystem::path directory;
  LogFileLimits files;
  /// Of messages and buffers that wait to be written, half of it for one kernel.
  std::size_t queue_bytes = std::size_t{8} << 20;
  /// After a failed write; until then nothing of that kernel is written. And how long a file that
  /// cannot be read is tried.
  std::chrono::milliseconds retry{5000};
  /// How long the logs of earlier brokers are left alone after they were last written to.
  std::chrono::seconds keep{3600};
};

/// Writes and reads the files of logs on a thread of its own. A disk that is slow, full, broken or
/// hangs costs old records, and those who read them, and nobody else.
///
/// On the loop's thread only; nothing blocks, but for the destructor, which gives a file operation
/// that is under way a second. What is queued then is dropped.
class LogStore {
 public:
  /// Throws std::system_error when there can be no thread.
  LogStore(EventLoop& loop, LogStoreOptions options, Logger logger);
  ~LogStore();
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  /// Numbers `first` to `last` are not, or no more, in files.
  using OnLost = std::function<void(std::uint64_t first, std::uint64_t last, std::uint64_t bytes)>;
  /// Before anything else about the kernel.
  void open(KernelId kernel, OnLost on_lost);
  /// No more callbacks about the kernel. Its files stay.
  void close(KernelId kernel);

  /// Whether `write` may be called now.
  bool takes(KernelId id) const;
  /// The same of records that are lost if it may not: then that is a problem.
  bool must_take(KernelId id);
  /// Queues a batch of records with ascending numbers, all higher than those before. Precondition:
  /// `takes(id)`, and there is at least one. When it is written, or not, the loop has a turn.
  void write(KernelId id, std::vector<Record>&& records);

  using OnFetched = std::function<void(std::vector<Record> records, std::uint64_t next)>;
  /// Calls back, behind all losses that it found, with records `from` to `until`, of up to
  /// `max_bytes` but at least one; `next` is where to go on. What the system refuses to read is
  /// asked for again for LogStoreOptions::retry before it counts as lost. Not once the kernel was
  /// closed.
  void fetch(KernelId id, std::uint64_t from, std::uint64_t until, std::size_t max_bytes,
             OnFetched callback);

  /// Deletes the kernel's files, once it is closed.
  void remove(KernelId kernel);

  /// "cannot write the log of kernel 3: No space left on device"; empty when all is well. Of this
  /// kernel, or of any.
  std::string problem(KernelId id) const;
  std::string problem() const;

 private:
  struct Kernel {
    OnLost on_lost;
    std::size_t queued_bytes = 0;
    Clock::TimePoint retry_at{};
    std::string problem;
    bool told = false;  // of the problem
    Clock::TimePoint tell_at{};
  };
  struct Write;
  struct Fetch;
  using Self = std::weak_ptr<LogStore*>;

  void written(const Write& write);
  void read(const std::shared_ptr<Fetch>& fetch);
  void fetched(const std::shared_ptr<Fetch>& fetch);
  void tell_lost(const std::vector<LostRecords>& lost);
  void set_problem(KernelId id, Kernel& kernel, const std::string& why);
  void end_problem(KernelId id, Kernel& kernel);
  void sweep();

  EventLoop& loop_;
  const LogStoreOptions options_;
  Logger logger_;
  std::unordered_map<KernelId, Kernel> kernels_;
  std::size_t queued_bytes_ = 0;
  std::shared_ptr<LogFiles> files_;  // of the worker, from its first work on
  std::shared_ptr<LogStore*> self_;
  EventLoop::Handle sweep_timer_;
  std::unordered_map<const Fetch*, EventLoop::Handle> read_again_;
  WorkerThread worker_;
};

}  // namespace oast::broker
