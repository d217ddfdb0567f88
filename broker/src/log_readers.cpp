#include "log_readers.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

namespace oast::broker {

namespace {

/// On the way to one reader of a log, and read for it at once.
constexpr std::uint64_t kReaderWindow = std::uint64_t{4} << 20;
constexpr std::size_t kReaderBatch = std::size_t{256} << 10;
constexpr int kReadersPerTurn = 8;
constexpr std::size_t kMostReaders = 64;  // of one host

}  // namespace

void LogReaders::open(const RequestKey& key, std::shared_ptr<KernelRecords> records,
                      const wire::ReadLog& body) {
  if (!key.id) throw Error(FailureKind::invalid, "the id of a ReadLog should not be 0");
  if (of_host(key.host) >= kMostReaders)
    throw Error(FailureKind::overloaded,
                "it reads " + std::to_string(kMostReaders) + " logs already: close some first");
  auto cursor = std::make_shared<LogCursor>();
  cursor->key = key;
  cursor->records = std::move(records);
  cursor->only = {PeerId{body.host()}, RequestId{body.request()}};
  cursor->follow = body.follow();
  cursor->next = std::max<std::uint64_t>(body.from(), 1);
  if (!readers_.try_emplace(key, cursor).second)
    throw Error(FailureKind::invalid, "the log is being read under that id already");
  wake(cursor);
}

void LogReaders::close(const RequestKey& key) {
  const auto found = readers_.find(key);
  if (found == readers_.end()) return;
  const auto kept = found->second;
  end(*kept);
}

void LogReaders::drop(PeerId host) {
  const auto [first, last] = range_of(host);
  readers_.erase(first, last);
}

std::size_t LogReaders::of_host(PeerId host) {
  const auto [first, last] = range_of(host);
  return static_cast<std::size_t>(std::distance(first, last));
}

std::pair<LogReaders::Readers::iterator, LogReaders::Readers::iterator> LogReaders::range_of(
    PeerId host) {
  return {readers_.lower_bound({host, RequestId{}}),
          readers_.lower_bound({PeerId{host.value + 1}, RequestId{}})};
}

void LogReaders::acknowledge(const RequestKey& key, std::uint64_t number) {
  const auto found = readers_.find(key);
  if (found != readers_.end()) acknowledge(found->second, number);
}

void LogReaders::acknowledge(const std::shared_ptr<LogCursor>& cursor, std::uint64_t number) {
  auto& sent = cursor->unacknowledged;
  while (!sent.empty() && sent.front().first <= number) {
    cursor->unacknowledged_bytes -= sent.front().second;
    sent.pop_front();
  }
  wake(cursor);
}

void LogReaders::wake(const KernelRecords& records) {
  if (readers_.empty()) return;
  for (const auto& [key, cursor] : readers_)
    if (cursor->records.get() == &records) wake(cursor);
}

bool LogReaders::reads(const KernelRecords& records) const {
  return std::ranges::any_of(
      readers_, [&](const auto& reader) { return reader.second->records.get() == &records; });
}

void LogReaders::wake(const std::shared_ptr<LogCursor>& cursor) {
  if (std::exchange(cursor->queued, true)) return;
  ready_.push_back(cursor);
  loop_.post([] {});  // the loop is to look
}

bool LogReaders::turn() {
  bool any = false;
  for (int i = 0; i < kReadersPerTurn && !ready_.empty(); ++i, any = true) {
    const auto cursor = ready_.front().lock();
    ready_.pop_front();
    if (!cursor) continue;
    cursor->queued = false;
    if (advance(cursor)) wake(cursor);
  }
  return any;
}

bool LogReaders::advance(const std::shared_ptr<LogCursor>& cursor) {
  if (!cursor->here || cursor->fetching) return false;
  if (cursor->unacknowledged_bytes >= kReaderWindow) return false;
  KernelLog& log = cursor->records->log;
  auto read = log.read(cursor->next, kReaderBatch);
  if (auto* batch = std::get_if<KernelLog::Records>(&read)) return send_to(*cursor, *batch);
  if (const auto* gap = std::get_if<KernelLog::Gap>(&read)) {
    tell_gap(*cursor, *gap);
    return true;
  }
  if (std::holds_alternative<KernelLog::OnDisk>(read)) {
    fetch(cursor);
    return false;
  }
  if (cursor->of_session())
    on_caught_up_(*cursor);
  else if (over(*cursor))
    end(*cursor);
  return false;
}

void LogReaders::fetch(const std::shared_ptr<LogCursor>& cursor) {
  cursor->fetching = true;
  cursor->records->log.fetch(
      cursor->next, kReaderBatch,
      [this, weak = std::weak_ptr(cursor), from = cursor->next](KernelLog::Records batch) {
        const auto again = weak.lock();
        if (!again) return;
        again->fetching = false;
        // Its host may have gone and come back meanwhile.
        const bool wanted = again->here && again->next == from;
        if (!wanted || send_to(*again, batch)) wake(again);
      });
}

void LogReaders::tell_gap(LogCursor& cursor, const KernelLog::Gap& gap) {
  wire::GapT message;
  message.kernel = cursor.records->id.value;
  message.first = gap.first;
  message.last = gap.last;
  message.bytes = gap.bytes;
  sender_.data(cursor.key.host, PeerId{}, wire::pack(cursor.key.id, message));
  cursor.next = gap.last + 1;
}

bool LogReaders::send_to(LogCursor& cursor, KernelLog::Records& batch) {
  for (Record& record : batch.records) {
    if (cursor.only.host && record.host != cursor.only.host) continue;
    if (cursor.only.id && record.request != cursor.only.id) continue;
    cursor.next = record.number + 1;
    if (cursor.of_session()) {
      send_missed(cursor, std::move(record));
      continue;
    }
    const std::uint64_t bytes = record.packet.bytes();
    cursor.unacknowledged.emplace_back(record.number, bytes);
    cursor.unacknowledged_bytes += bytes;
    sender_.data(cursor.key.host, peer_of(cursor.records->id), std::move(record.packet),
                 {.reader = cursor.key.id, .host = record.host});
    if (!cursor.only.id || !is_reply(record.body)) continue;
    end(cursor);  // destroys nothing: the caller holds it
    return false;
  }
  cursor.next = batch.next;
  return true;
}

void LogReaders::send_missed(LogCursor& cursor, Record&& record) {
  const KernelRecords& records = *cursor.records;
  const Kernel* kernel = kernels_.find(records.id);
  if (record.body == wire::Body::InputRequest &&
      (kernel == nullptr || kernel->queue.find({record.host, record.request}) == nullptr))
    return;  // nobody waits for the answer any more
  const std::uint64_t bytes = record.packet.bytes();
  cursor.unacknowledged.emplace_back(record.number, bytes);
  cursor.unacknowledged_bytes += bytes;
  sender_.data(record.host, peer_of(records.id), std::move(record.packet));
}

void LogReaders::send_again(KernelRecords& records, std::uint64_t number) {
  auto read = records.log.read(number, 1);
  auto* const found = std::get_if<KernelLog::Records>(&read);
  if (found == nullptr || found->records.empty()) return;
  Record& record = found->records.front();
  sender_.data(record.host, peer_of(records.id), std::move(record.packet));
}

bool LogReaders::over(const LogCursor& cursor) const {
  if (!cursor.follow || cursor.records->ended) return true;
  if (!cursor.only.id) return false;
  const Kernel* kernel = kernels_.find(cursor.records->id);
  return kernel == nullptr || kernel->queue.find(cursor.only) == nullptr;
}

void LogReaders::end(const LogCursor& cursor) {
  wire::LogEndT message;
  message.next = cursor.next;
  sender_.data(cursor.key.host, PeerId{}, wire::pack(cursor.key.id, message));
  readers_.erase(cursor.key);
}

}  // namespace oast::broker
