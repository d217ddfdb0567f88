#include "log_store.hpp"

#include <algorithm>
#include <utility>

namespace oast::broker {

namespace {

/// The problems of one kernel are told at most so often: a disk may fail and recover all the time.
constexpr std::chrono::seconds kTellPeriod{60};
constexpr std::chrono::milliseconds kReadAgain{100};

}  // namespace

/// Written once, even when telling so has to be repeated for lack of memory.
struct LogStore::Write {
  KernelId kernel;
  std::vector<Record> records;
  std::size_t bytes = 0;
  bool done = false;
  LogFiles::Written result;
};

struct LogStore::Fetch {
  KernelId kernel;
  std::uint64_t from = 0;
  std::uint64_t until = 0;
  std::size_t max_bytes = 0;
  OnFetched callback;
  Clock::TimePoint give_up_at{};
  LogFiles::Fetched result;
};

LogStore::LogStore(EventLoop& loop, LogStoreOptions options, Logger logger)
    : loop_(loop),
      options_(std::move(options)),
      logger_(std::move(logger)),
      files_(std::make_shared<LogFiles>(options_.directory, options_.files)),
      self_(std::make_shared<LogStore*>(this)),
      worker_(loop) {
  sweep();
}

LogStore::~LogStore() = default;

void LogStore::open(KernelId kernel, OnLost on_lost) {
  kernels_[kernel].on_lost = std::move(on_lost);
}

void LogStore::close(KernelId kernel) { kernels_.erase(kernel); }

bool LogStore::takes(KernelId id) const {
  const auto found = kernels_.find(id);
  return found != kernels_.end() && loop_.now() >= found->second.retry_at &&
         queued_bytes_ < options_.queue_bytes &&
         found->second.queued_bytes < options_.queue_bytes / 2;
}

bool LogStore::must_take(KernelId id) {
  if (takes(id)) return true;
  const auto found = kernels_.find(id);
  if (found != kernels_.end() && loop_.now() >= found->second.retry_at)
    set_problem(id, found->second, "the disk does not keep up");
  return false;
}

void LogStore::write(KernelId id, std::vector<Record>&& records) {
  const auto write = std::make_shared<Write>(Write{.kernel = id, .records = std::move(records)});
  for (const Record& record : write->records) write->bytes += record.packet.bytes();
  queued_bytes_ += write->bytes;
  kernels_[id].queued_bytes += write->bytes;
  worker_.run([files = files_, write, self = Self(self_)]() -> EventLoop::Callback {
    if (!write->done) {
      write->result = files->write(write->kernel, write->records);
      write->records.clear();
      write->done = true;
    }
    return [write, self] {
      if (const auto store = self.lock()) (*store)->written(*write);
    };
  });
}

void LogStore::written(const Write& write) {
  queued_bytes_ -= write.bytes;
  if (const auto found = kernels_.find(write.kernel); found != kernels_.end()) {
    Kernel& kernel = found->second;
    kernel.queued_bytes -= std::min(kernel.queued_bytes, write.bytes);
    if (!write.result.problem.empty()) {
      kernel.retry_at = loop_.now() + options_.retry;
      set_problem(write.kernel, kernel, write.result.problem);
    } else if (kernel.queued_bytes == 0 && loop_.now() >= kernel.retry_at) {
      end_problem(write.kernel, kernel);
    }
  }
  tell_lost(write.result.lost);
}

void LogStore::fetch(KernelId id, std::uint64_t from, std::uint64_t until, std::size_t max_bytes,
                     OnFetched callback) {
  const auto fetch = std::make_shared<Fetch>(Fetch{.kernel = id,
                                                   .from = from,
                                                   .until = until,
                                                   .max_bytes = max_bytes,
                                                   .callback = std::move(callback),
                                                   .give_up_at = loop_.now() + options_.retry});
  read(fetch);
}

void LogStore::read(const std::shared_ptr<Fetch>& fetch) {
  const bool give_up = loop_.now() >= fetch->give_up_at;
  worker_.run([files = files_, fetch, give_up, self = Self(self_)]() -> EventLoop::Callback {
    auto& lost = fetch->result.lost;
    auto result = files->fetch(fetch->kernel, fetch->from, fetch->until, fetch->max_bytes, give_up);
    lost.insert(lost.end(), result.lost.begin(), result.lost.end());
    fetch->result.records = std::move(result.records);
    fetch->result.next = result.next;
    fetch->result.problem = std::move(result.problem);
    return [fetch, self] {
      if (const auto store = self.lock()) (*store)->fetched(fetch);
    };
  });
}

void LogStore::fetched(const std::shared_ptr<Fetch>& fetch) {
  if (!kernels_.contains(fetch->kernel)) return;
  if (!fetch->result.problem.empty()) {
    read_again_[fetch.get()] = loop_.after(kReadAgain, [this, fetch] {
      read(fetch);
      read_again_.erase(fetch.get());
    });
    return;
  }
  tell_lost(fetch->result.lost);
  if (!fetch->result.lost.empty())
    logger_->warn("OB703 the log of kernel {} is damaged: records from {} on are lost",
                  fetch->kernel.value, fetch->result.lost.front().first);
  if (kernels_.contains(fetch->kernel))
    fetch->callback(std::move(fetch->result.records), fetch->result.next);
}

void LogStore::tell_lost(const std::vector<LostRecords>& lost) {
  for (const LostRecords& records : lost) {
    const auto found = kernels_.find(records.kernel);
    if (found != kernels_.end()) found->second.on_lost(records.first, records.last, records.bytes);
  }
}

void LogStore::set_problem(KernelId id, Kernel& kernel, const std::string& why) {
  kernel.problem = why;
  if (kernel.told || loop_.now() < kernel.tell_at) return;
  kernel.told = true;
  kernel.tell_at = loop_.now() + kTellPeriod;
  logger_->warn("OB701 cannot write the log of kernel {}: {}; its old records are lost", id.value,
                why);
}

void LogStore::end_problem(KernelId id, Kernel& kernel) {
  if (kernel.told) logger_->info("OB702 the log of kernel {} can be written again", id.value);
  kernel.told = false;
  kernel.problem.clear();
}

std::string LogStore::problem(KernelId id) const {
  const auto found = kernels_.find(id);
  if (found == kernels_.end() || found->second.problem.empty()) return {};
  return "cannot write the log of kernel " + std::to_string(id.value) + ": " +
         found->second.problem;
}

std::string LogStore::problem() const {
  for (const auto& [id, kernel] : kernels_)
    if (!kernel.problem.empty()) return problem(id);
  return {};
}

void LogStore::remove(KernelId kernel) {
  close(kernel);
  worker_.run([files = files_, kernel]() -> EventLoop::Callback {
    files->remove(kernel);
    return [] {};
  });
}

/// Now, and then some times in the span that logs are kept.
void LogStore::sweep() {
  worker_.run([files = files_, keep = options_.keep]() -> EventLoop::Callback {
    files->remove_older_than(keep);
    return [] {};
  });
  sweep_timer_ =
      loop_.after(std::max<std::chrono::seconds>(options_.keep / 4, std::chrono::seconds(1)),
                  [this] { sweep(); });
}

}  // namespace oast::broker
