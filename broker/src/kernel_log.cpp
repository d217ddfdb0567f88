#include "kernel_log.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "log_store.hpp"

namespace oast::broker {

namespace {

/// How much is evicted at a time, so that the store gets batches.
constexpr std::size_t kSlack = std::size_t{64} << 10;
/// What one call may move or look at.
constexpr unsigned kSteps = 512;

}  // namespace

/// What leaves the window at once.
struct KernelLog::Batch {
  bool to_store = false;
  std::vector<Record> records;  // for the store
  std::uint64_t first = 0;      // of what leaves memory; 0: nothing does
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t number, std::uint64_t size) {
    if (first == 0) first = number;
    last = number;
    bytes += size;
  }
};

KernelLog::KernelLog(KernelId kernel, const KernelLogOptions& options)
    : kernel_(kernel),
      memory_limit_(options.memory_bytes),
      store_(options.store),
      end_(std::max<std::uint64_t>(options.first, 1)),
      window_first_(end_),
      released_(end_ - 1) {
  if (end_ > 1) ranges_.add_lost(1, end_ - 1, 0);
  if (store_ == nullptr) return;
  store_->open(kernel_, [this](std::uint64_t from, std::uint64_t to, std::uint64_t bytes) {
    stored_bytes_ -= std::min(stored_bytes_, bytes);
    lose(from, to, bytes);
  });
}

KernelLog::~KernelLog() {
  if (store_ != nullptr) store_->close(kernel_);
}

bool KernelLog::append(Record&& record, bool keep) {
  if (record.number != end_) return false;
  const std::uint64_t bytes = record.packet.bytes();
  Entry& entry = window_.emplace_back(std::move(record));
  entry.before = total_bytes_;
  entry.bytes = bytes;
  const bool reply = is_reply(entry.record.body);
  entry.pinned = reply || entry.record.body == wire::Body::InputRequest;
  entry.kept = keep && reply;
  total_bytes_ += bytes;
  memory_bytes_ += bytes;
  ++end_;
  return true;
}

KernelLog::Entry* KernelLog::find(std::uint64_t number) {
  if (number >= end_) return nullptr;
  if (number >= window_first_) return &window_[number - window_first_];
  const auto held = held_.find(number);
  return held == held_.end() ? nullptr : &held->second;
}

void KernelLog::mark_done(std::uint64_t number) {
  Entry* const entry = find(number);
  if (entry == nullptr || entry->done) return;
  entry->done = true;
  if (number < window_first_) waiting_.erase(number);
  if (number == released_ + 1) advance_released();
  settle(*entry);
}

void KernelLog::drop_payload(std::uint64_t number) {
  Entry* const entry = find(number);
  if (entry == nullptr || !entry->pinned || !is_reply(entry->record.body)) return;
  entry->pinned = false;
  if (!entry->kept) make_stub(*entry);
  settle(*entry);
}

void KernelLog::input_over(std::uint64_t number) {
  Entry* const entry = find(number);
  if (entry == nullptr || !entry->pinned || is_reply(entry->record.body)) return;
  entry->pinned = false;
  settle(*entry);
}

void KernelLog::settle(Entry& entry) {
  if (!entry.evictable()) return;
  const std::uint64_t number = entry.record.number;
  if (number < window_first_) return drop_held(number, entry);
  evictable_bytes_ += entry.cost();
  drop_stubs();
  if (evictable_bytes_ > memory_limit_) evict(memory_limit_ - std::min(memory_limit_, kSlack));
}

/// Those at the window's front, so that a log of nothing but acknowledged replies stays small.
void KernelLog::drop_stubs() {
  for (unsigned i = 0; i < kSteps && !window_.empty(); ++i) {
    const Entry& front = window_.front();
    if (!front.stub || !front.done) return;
    evictable_bytes_ -= front.cost();
    window_.pop_front();
    ++window_first_;
  }
}

void KernelLog::drop_held(std::uint64_t number, const Entry& entry) {
  if (!entry.stub) memory_bytes_ -= entry.bytes;
  const bool lost = entry.logged() && !entry.stored;
  const std::uint64_t bytes = entry.bytes;
  held_.erase(number);
  if (lost) lose(number, number, bytes);
}

void KernelLog::make_stub(Entry& entry) {
  entry.record.packet.message.rebuild();
  entry.record.packet.buffers = std::vector<zmq::message_t>();
  entry.stub = true;
  memory_bytes_ -= entry.bytes;
}

void KernelLog::advance_released() {
  if (!waiting_.empty()) {
    const std::uint64_t first = *waiting_.begin();
    released_ = first - 1;
    released_bytes_ = held_.at(first).before;
    return;
  }
  std::uint64_t next = std::max(released_ + 1, window_first_);
  while (next < end_ && window_[next - window_first_].done) ++next;
  released_ = next - 1;
  released_bytes_ = next < end_ ? window_[next - window_first_].before : total_bytes_;
}

bool KernelLog::evict(std::size_t target) {
  Batch batch{.to_store = store_ != nullptr && store_->must_take(kernel_)};
  try {
    for (unsigned i = 0; i < kSteps && evictable_bytes_ > target; ++i) evict_front(batch);
    hand_over(batch);
  } catch (const std::bad_alloc&) {  // what left the window is lost, and told to be so
    batch.to_store = false;
    hand_over(batch);
  }
  return evictable_bytes_ > target;
}

void KernelLog::evict_front(Batch& batch) {
  Entry& entry = window_.front();
  if (!entry.evictable()) {
    hold(entry, batch);
  } else {
    evictable_bytes_ -= entry.cost();
    if (!entry.stub) {
      memory_bytes_ -= entry.bytes;
      batch.add(entry.record.number, entry.bytes);
      if (batch.to_store) batch.records.push_back(std::move(entry.record));
    }
  }
  window_.pop_front();
  ++window_first_;
}

/// Somebody waits for it, so that it stays; what is to be stored is so in its turn.
void KernelLog::hold(Entry& entry, Batch& batch) {
  const std::uint64_t number = entry.record.number;
  if (!batch.to_store) hand_over(batch);  // so that a gap ends where there is something
  if (batch.to_store && entry.logged()) {
    batch.records.push_back(share(entry.record));
    batch.bytes += entry.bytes;
    entry.stored = true;
  }
  if (!entry.done) waiting_.insert(number);
  try {
    held_.emplace_hint(held_.end(), number, std::move(entry));
  } catch (...) {
    waiting_.erase(number);
    throw;
  }
}

void KernelLog::hand_over(Batch& batch) {
  if (batch.to_store && !batch.records.empty()) {
    const std::uint64_t first = batch.records.front().number;
    const std::uint64_t last = batch.records.back().number;
    store_->write(kernel_, std::move(batch.records));
    ranges_.add_stored(first, last);
    stored_bytes_ += batch.bytes;
  } else if (batch.first != 0) {
    lose(batch.first, batch.last, batch.bytes);
  }
  batch = {};
}

void KernelLog::lose(std::uint64_t first, std::uint64_t last, std::uint64_t bytes) {
  const auto behind = held_.lower_bound(first);
  const std::uint64_t low = behind == held_.begin() ? 0 : std::prev(behind)->first;
  ranges_.add_lost(first, last, bytes, low, next_held(last + 1));
}

std::uint64_t KernelLog::first() const {
  std::uint64_t first = window_first_;
  if (!held_.empty()) first = std::min(first, held_.begin()->first);
  return std::min(first, ranges_.first_stored().value_or(first));
}

std::uint64_t KernelLog::next_held(std::uint64_t from) const {
  const auto held = held_.lower_bound(from);
  return held == held_.end() ? window_first_ : held->first;
}

KernelLog::Read KernelLog::read(std::uint64_t from, std::size_t max_bytes) {
  if (from >= end_) return Nothing{};
  if (from < window_first_) {
    const std::uint64_t held = next_held(from);
    const auto* const range = ranges_.at_or_after(from);
    if (range != nullptr && std::max(from, range->first) < held) {
      if (range->stored) return OnDisk{};
      return ranges_.gap(from, held - 1);
    }
    if (held < window_first_) return read_held(held, max_bytes);
  }
  return read_window(std::max(from, window_first_), max_bytes);
}

void KernelLog::fetch(std::uint64_t from, std::size_t max_bytes, Fetched callback) {
  const auto* const range = ranges_.at_or_after(from);
  if (range == nullptr || !range->stored) return;
  const std::uint64_t until = std::min(range->last, next_held(from) - 1);
  store_->fetch(kernel_, from, until, max_bytes,
                [this, from, callback = std::move(callback)](std::vector<Record> records,
                                                             std::uint64_t next) {
                  callback(without_lost({std::move(records), next}, from));
                });
}

/// Some of them may have been lost since they were asked for, and that must be told.
KernelLog::Records KernelLog::without_lost(Records read, std::uint64_t from) const {
  const auto lost = ranges_.first_lost(from);
  if (!lost || *lost >= read.next) return read;
  read.next = *lost;
  while (!read.records.empty() && read.records.back().number >= *lost) read.records.pop_back();
  return read;
}

KernelLog::Spilled KernelLog::spill() {
  if (store_ == nullptr || evictable_bytes_ == 0) return Spilled::all;
  if (!store_->takes(kernel_)) return Spilled::later;
  return evict(0) ? Spilled::some : Spilled::all;
}

KernelLog::Records KernelLog::read_window(std::uint64_t from, std::size_t max_bytes) {
  Records read{{}, from};
  std::size_t bytes = 0;
  for (unsigned i = 0; i < kSteps && read.next < end_; ++i) {
    Entry& entry = window_[read.next - window_first_];
    if (!entry.stub) {
      if (!read.records.empty() && bytes + entry.bytes > max_bytes) break;
      bytes += entry.bytes;
      read.records.push_back(share(entry.record));
    }
    ++read.next;
  }
  return read;
}

/// From a held record on, as long as others follow with nothing else in between.
KernelLog::Records KernelLog::read_held(std::uint64_t from, std::size_t max_bytes) {
  Records read{{}, from};
  std::size_t bytes = 0;
  auto held = held_.find(from);
  for (unsigned i = 0; i < kSteps && held != held_.end(); ++i, ++held) {
    const auto* const range = ranges_.at_or_after(read.next);
    if (range != nullptr && std::max(read.next, range->first) < held->first) break;
    Entry& entry = held->second;
    if (!entry.stub) {
      if (!read.records.empty() && bytes + entry.bytes > max_bytes) break;
      bytes += entry.bytes;
      read.records.push_back(share(entry.record));
    }
    read.next = held->first + 1;
  }
  return read;
}

}  // namespace oast::broker
