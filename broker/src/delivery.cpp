#include "delivery.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace oast::broker {

namespace {

/// Steps in which a window is acknowledged, and from which on a host that has not done so is asked.
constexpr std::uint64_t kSteps = 16;
constexpr std::uint64_t kAskedFrom = 2;
/// Replies of one kernel that wait for a host that is away; more hold the kernel back.
constexpr std::uint64_t kWaitingBytes = std::uint64_t{64} << 20;
/// Without a disk the log of a dead kernel is kept as long as the kernel is remembered.
constexpr std::chrono::milliseconds kKeptInMemory{60000};
/// In memory, of all dead kernels together.
constexpr std::uint64_t kKeptBytes = std::uint64_t{64} << 20;

std::unique_ptr<LogStore> make_store(EventLoop& loop, const Options& options,
                                     const Logger& logger) {
  if (options.data_dir.empty()) return nullptr;
  LogStoreOptions store;
  store.directory = options.data_dir;
  store.files.kernel_bytes = options.log_bytes;
  store.files.total_bytes = options.log_total_bytes;
  store.keep = std::chrono::duration_cast<std::chrono::seconds>(options.log_keep);
  return std::make_unique<LogStore>(loop, std::move(store), logger);
}

std::string unknown(std::uint64_t kernel) {
  return "there is no log of a kernel " + std::to_string(kernel) + " on this broker";
}

}  // namespace

Delivery::Delivery(EventLoop& loop, const Options& options, KernelTable& kernels,
                   PeerSender& sender, const Logger& logger)
    : loop_(loop),
      options_(options),
      kernels_(kernels),
      sender_(sender),
      store_(make_store(loop, options, logger)),
      readers_(loop, kernels, sender, [this](const LogCursor& cursor) { caught_up(cursor); }) {}

Delivery::~Delivery() {
  each_records([](const std::shared_ptr<KernelRecords>& records) { records->behind.clear(); });
  kernels_.each([](Kernel& kernel) { kernel.records.reset(); });
}

void Delivery::open(Kernel& kernel) {
  KernelLogOptions options;
  options.memory_bytes = options_.log_memory_bytes;
  options.store = store_.get();
  kernel.records = std::make_shared<KernelRecords>(kernel.id, options);
}

bool Delivery::record(Kernel& kernel, RequestKey key, wire::Packet& packet, To to, bool keep) {
  const wire::Message& message = packet.root();
  if (message.number() != kernel.records->log.end()) return false;
  append(*kernel.records,
         {message.number(), key.host, key.id, message.body_type(), std::move(packet)}, to, keep);
  if (kernel.process) kernel.process->outbox().received(kernel.records->log.last());
  return true;
}

bool Delivery::lost(Kernel& kernel, std::uint64_t number) {
  KernelRecords& records = *kernel.records;
  records.shortened = std::max(records.shortened, number);
  if (number > records.log.end()) records.lost.insert(number);
  return number == records.log.end();
}

/// Puts something in the place of records that were lost before they were due.
void Delivery::skip_lost(KernelRecords& records) {
  while (records.lost.erase(records.log.end()) > 0) {
    const std::uint64_t number = records.log.end();
    const Failure why = failure(FailureKind::overloaded, "the broker could not keep this record");
    Record record{number, {}, {}, wire::Body::Failure, wire::pack(RequestId{}, why, number)};
    if (!records.log.append(std::move(record))) return;
    finish_record(records, number);
  }
}

void Delivery::record_for(Kernel& kernel, RequestKey key, wire::Packet&& packet, To to, bool keep) {
  if (!kernel.records) {  // it never got as far as to have a log
    if (to == To::host) sender_.data(key.host, PeerId{}, std::move(packet));
    return;
  }
  KernelRecords& records = *kernel.records;
  wire::set_number(packet, records.log.end());
  const auto body = packet.root().body_type();
  Record record{records.log.end(), key.host, key.id, body, std::move(packet)};
  if (to == To::host && !sessions_.contains(key.host)) {
    // Nobody is held back by the dead: what is sent counts as acknowledged.
    Record copy = share(record);
    sender_.data(key.host, PeerId{}, std::move(copy.packet));
    to = To::log_only;
  }
  append(records, std::move(record), to, keep);
}

void Delivery::append(KernelRecords& records, Record&& record, To to, bool keep) {
  const std::uint64_t number = record.number;
  if (to == To::host && sessions_.contains(record.host)) {
    const auto behind = records.behind.find(record.host);
    if (behind != records.behind.end())
      return append_behind(records, *behind->second, std::move(record));
    keep = true;
  }
  Record copy;
  if (to == To::host) copy = share(record);
  if (!records.log.append(std::move(record), keep)) return;
  if (to == To::host)
    send_live(records, std::move(copy));
  else
    finish_record(records, number);
  if (!records.lost.empty()) skip_lost(records);
  account(records);
  readers_.wake(records);
}

void Delivery::send_live(KernelRecords& records, Record&& record) {
  const RequestId reply = is_reply(record.body) ? record.request : RequestId{};
  try {
    records.unacknowledged[record.host].push_back({record.number, reply});
    sender_.data(record.host, peer_of(records.id), std::move(record.packet));
  } catch (...) {
    finish_record(records, record.number);
    throw;
  }
}

/// Output is there to be read as long as the log has it, and holds nobody back. Replies wait.
void Delivery::append_behind(KernelRecords& records, LogCursor& cursor, Record&& record) {
  const std::uint64_t number = record.number;
  const RequestKey key{record.host, record.request};
  const bool reply = is_reply(record.body);
  const std::uint64_t bytes = record.packet.bytes();
  if (!records.log.append(std::move(record), true)) return;
  if (reply) cursor.waiting_bytes += bytes;
  const bool held_back = cursor.waiting_bytes > kWaitingBytes;
  if (reply)
    records.unacknowledged[key.host].push_back({number, key.id, bytes});
  else if (held_back)
    records.unacknowledged[key.host].push_back({number, {}});
  if (!held_back) records.log.mark_done(number);
  if (!records.lost.empty()) skip_lost(records);
  account(records);
  readers_.wake(records);
}

void Delivery::finish_record(KernelRecords& records, std::uint64_t number) {
  records.log.mark_done(number);
  records.log.drop_payload(number);
}

void Delivery::acknowledge(PeerId host, const wire::Acknowledge& body) {
  if (body.reader() != 0) {
    readers_.acknowledge({host, RequestId{body.reader()}}, body.number());
    return;
  }
  const auto records = find(KernelId{body.kernel()});
  if (!records) return;
  const auto behind = records->behind.find(host);
  if (behind != records->behind.end()) readers_.acknowledge(behind->second, body.number());
  const auto sent = records->unacknowledged.find(host);
  if (sent == records->unacknowledged.end()) return;
  while (!sent->second.empty() && sent->second.front().number <= body.number()) {
    finish_record(*records, sent->second.front().number);
    if (behind != records->behind.end())
      behind->second->waiting_bytes -= sent->second.front().bytes;
    sent->second.pop_front();
  }
  account(*records);
}

template <class Visit>
void Delivery::each_records(const Visit& visit) {
  kernels_.each([&](Kernel& kernel) {
    if (kernel.records && !kept_.contains(kernel.id)) visit(kernel.records);
  });
  for (auto& [id, kept] : kept_) visit(kept.records);
}

void Delivery::host_away(PeerId host) {
  each_records([&](const std::shared_ptr<KernelRecords>& records) {
    const auto again = records->behind.find(host);
    if (again != records->behind.end()) {
      LogCursor& cursor = *again->second;
      cursor.here = false;
      if (!cursor.unacknowledged.empty()) cursor.next = cursor.unacknowledged.front().first;
      return;
    }
    const Kernel* kernel = kernels_.find(records->id);
    auto& sent = records->unacknowledged[host];
    if (sent.empty() && (kernel == nullptr || !kernel->hosts.contains(host))) {
      records->unacknowledged.erase(host);
      return;
    }
    auto cursor = std::make_shared<LogCursor>();
    cursor->key.host = host;
    cursor->records = records;
    cursor->only.host = host;
    cursor->here = false;
    cursor->next = sent.empty() ? records->log.end() : sent.front().number;
    for (const Unacknowledged& record : sent) records->log.mark_done(record.number);
    std::erase_if(sent, [](const Unacknowledged& record) { return !record.reply; });
    records->behind.emplace(host, std::move(cursor));
    account(*records);
  });
  readers_.drop(host);
}

void Delivery::resume(PeerId host, KernelId kernel, std::uint64_t seen) {
  const auto records = find(kernel);
  if (!records) return;
  const auto behind = records->behind.find(host);
  if (behind == records->behind.end()) return;
  LogCursor& cursor = *behind->second;
  if (cursor.here) return;
  if (seen == 0) {
    for (const auto& [number, asked] : records->inputs)
      if (asked == host && number < cursor.next) readers_.send_again(*records, number);
  }
  cursor.next = std::max(cursor.next, seen + 1);
  cursor.unacknowledged.clear();
  cursor.unacknowledged_bytes = 0;
  cursor.here = true;
  readers_.wake(behind->second);
}

bool Delivery::answer_waits(KernelId kernel, RequestKey key) {
  const auto records = find(kernel);
  if (!records) return false;
  const auto sent = records->unacknowledged.find(key.host);
  return sent != records->unacknowledged.end() &&
         std::ranges::any_of(sent->second,
                             [&](const Unacknowledged& record) { return record.reply == key.id; });
}

/// Tells the kernel what its hosts have done with, or the host that it waits for that it does.
void Delivery::account(KernelRecords& records) {
  const std::uint64_t window = options_.window_bytes;
  const std::uint64_t waiting = records.log.unreleased_bytes();
  const std::uint64_t done = records.log.total_bytes() - waiting;
  // The kernel waits for more bytes than are in the log if it sent more than could be kept.
  const bool shortened = records.shortened != 0 && records.log.released() >= records.shortened;
  if ((shortened ||
       done - records.acknowledged_bytes >= std::max<std::uint64_t>(window / kSteps, 1)) &&
      !records.ended) {
    if (shortened) records.shortened = 0;
    records.acknowledged_bytes = done;
    wire::AcknowledgeT message;
    message.kernel = records.id.value;
    message.number = records.log.released();
    sender_.control(peer_of(records.id), RequestId{}, message);
  }
  if (waiting < window / kAskedFrom) {
    records.held_by.reset();
    return;
  }
  const std::uint64_t next = records.log.released() + 1;
  const auto holder = std::ranges::find_if(records.unacknowledged, [&](const auto& sent) {
    return std::ranges::binary_search(sent.second, next, {}, &Unacknowledged::number);
  });
  if (holder == records.unacknowledged.end()) {
    records.held_by.reset();
    return;
  }
  // With less room than one step its producers wait already, or are about to.
  if (waiting < window - window / kSteps) {
    records.held_by.reset();
  } else if (records.held_by != holder->first) {
    if (!records.held_by) records.held_since = loop_.now();
    records.held_by = holder->first;
  }
  if (std::exchange(records.asked, next) == next) return;
  wire::AcknowledgeT message;
  message.kernel = records.id.value;
  message.number = next;
  sender_.data(holder->first, PeerId{}, wire::pack(RequestId{}, message));
}

void Delivery::host_left(PeerId host) {
  const auto forget = [&](KernelRecords& records) {
    const auto sent = records.unacknowledged.extract(host);
    records.behind.erase(host);
    if (sent.empty()) return;
    for (const Unacknowledged& record : sent.mapped()) finish_record(records, record.number);
    account(records);
  };
  each_records([&](const std::shared_ptr<KernelRecords>& records) { forget(*records); });
  sessions_.erase(host);
  readers_.drop(host);
}

void Delivery::kernel_died(Kernel& kernel) {
  if (!kernel.records) return;
  const auto time = store_ ? options_.log_keep : std::min(options_.log_keep, kKeptInMemory);
  kept_.insert_or_assign(
      kernel.id,
      Kept{kernel.records, loop_.after(time, [this, id = kernel.id] { forget_in_time(id); })});
  if (store_) spilling_.push_back(kernel.id);
  while (kept_bytes() > kKeptBytes) {
    const auto oldest = oldest_unwanted(kernel.id);
    if (!oldest) return;
    forget(*oldest);
  }
}

void Delivery::input_asked(Kernel& kernel, std::uint64_t number, PeerId host) {
  kernel.records->inputs.emplace(number, host);
}

void Delivery::input_over(Kernel& kernel, std::uint64_t number) {
  if (!kernel.records) return;
  kernel.records->inputs.erase(number);
  kernel.records->log.input_over(number);
}

void Delivery::request_ended(const Kernel& kernel) {
  if (kernel.records) readers_.wake(*kernel.records);
}

void Delivery::all_said(Kernel& kernel) {
  if (!kernel.records) return;
  kernel.records->ended = true;
  readers_.wake(*kernel.records);
}

/// A host in a session has still to get an answer of it, or somebody is reading it.
bool Delivery::wanted(const KernelRecords& records) const {
  return readers_.reads(records) ||
         std::ranges::any_of(records.unacknowledged, [&](const auto& sent) {
           return !sent.second.empty() && sessions_.contains(sent.first);
         });
}

void Delivery::forget_in_time(KernelId id) {
  const auto kept = kept_.find(id);
  if (kept == kept_.end()) return;
  if (!wanted(*kept->second.records)) return forget(id);
  kept->second.until = loop_.after(kKeptInMemory, [this, id] { forget_in_time(id); });
}

void Delivery::forget(KernelId id) {
  const auto kept = kept_.extract(id);
  if (!kept.empty()) kept.mapped().records->behind.clear();  // they hold each other
  if (store_) store_->remove(id);
}

std::uint64_t Delivery::kept_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [id, kept] : kept_) sum += kept.records->log.memory_bytes();
  return sum;
}

std::optional<KernelId> Delivery::oldest_unwanted(KernelId but) const {
  std::optional<KernelId> oldest;
  for (const auto& [id, kept] : kept_)
    if (id != but && (!oldest || id < *oldest) && !wanted(*kept.records)) oldest = id;
  return oldest;
}

std::shared_ptr<KernelRecords> Delivery::find(KernelId id) {
  if (const Kernel* kernel = kernels_.find(id)) return kernel->records;
  const auto kept = kept_.find(id);
  return kept == kept_.end() ? nullptr : kept->second.records;
}

void Delivery::read_log(const RequestKey& key, const wire::ReadLog& body) {
  auto records = find(KernelId{body.kernel()});
  if (!records) throw Error(FailureKind::not_found, unknown(body.kernel()));
  readers_.open(key, std::move(records), body);
}

bool Delivery::turn() {
  const bool read = readers_.turn();
  return spill() || read;
}

/// Of one kernel, as much as the disk takes; false when there is nothing to do before the next
/// turn.
bool Delivery::spill() {
  if (spilling_.empty()) return false;
  const KernelId id = spilling_.front();
  const auto kept = kept_.find(id);
  const auto spilled =
      kept == kept_.end() ? KernelLog::Spilled::all : kept->second.records->log.spill();
  if (spilled == KernelLog::Spilled::some) return true;
  spilling_.pop_front();
  if (spilled == KernelLog::Spilled::later) spilling_.push_back(id);
  return spilled == KernelLog::Spilled::all;
}

/// It has been sent all, and what comes is sent at once. What it does not acknowledge of the former
/// is sent again if it goes once more.
void Delivery::caught_up(const LogCursor& cursor) {
  KernelRecords& records = *cursor.records;
  auto& sent = records.unacknowledged[cursor.key.host];
  const std::size_t replies = sent.size();
  for (const auto& [number, bytes] : cursor.unacknowledged)
    if (!std::binary_search(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(replies),
                            Unacknowledged{number, {}}))
      sent.push_back({number, {}});
  std::sort(sent.begin(), sent.end());
  records.behind.erase(cursor.key.host);  // the caller holds it
}

}  // namespace oast::broker
