// What is sent from logs: to who reads them, and to hosts that have missed something.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "event_loop.hpp"
#include "kernel.hpp"
#include "kernel_log.hpp"
#include "kernel_records.hpp"
#include "oast/codec.hpp"
#include "oast/ids.hpp"
#include "peer_sender.hpp"

namespace oast::broker {

/// A cursor in a log, of somebody that is sent what the log has from there on: one that reads it
/// (ReadLog), or a host in a session that has missed something.
struct LogCursor {
  RequestKey key;  ///< of the ReadLog; no id: of a session
  std::shared_ptr<KernelRecords> records;
  RequestKey only;  ///< no host: of all
  bool follow = false;
  std::uint64_t next = 1;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> unacknowledged;  ///< number, bytes
  std::uint64_t unacknowledged_bytes = 0;
  bool fetching = false;
  bool queued = false;              ///< is to be looked at
  bool here = true;                 ///< of a session: its host is back, and its Resume has come
  std::uint64_t waiting_bytes = 0;  ///< of a session: of the replies that came since

  bool of_session() const { return !key.id; }
};

/// Moves the cursors of logs: sends each what its log has, a piece at a time and no more than 4 MiB
/// ahead of what it acknowledges. A reader holds nobody back: what it does not read in time may be
/// a gap.
///
/// On the loop's thread; nothing blocks.
class LogReaders {
 public:
  /// `on_caught_up` is told of the cursor of a session that has been sent all.
  LogReaders(EventLoop& loop, KernelTable& kernels, PeerSender& sender,
             std::function<void(const LogCursor&)> on_caught_up)
      : loop_(loop), kernels_(kernels), sender_(sender), on_caught_up_(std::move(on_caught_up)) {}

  /// Throws Error(invalid).
  void open(const RequestKey& key, std::shared_ptr<KernelRecords> records,
            const wire::ReadLog& body);
  void close(const RequestKey& key);
  /// Those of the host, without a word.
  void drop(PeerId host);
  void acknowledge(const RequestKey& key, std::uint64_t number);
  void acknowledge(const std::shared_ptr<LogCursor>& cursor, std::uint64_t number);

  /// A record that its host acknowledged, which stands in the log's memory.
  void send_again(KernelRecords& records, std::uint64_t number);
  /// There is more of the kernel.
  void wake(const KernelRecords& records);
  /// Somebody reads it by ReadLog.
  bool reads(const KernelRecords& records) const;
  /// There may be something to send to it.
  void wake(const std::shared_ptr<LogCursor>& cursor);

  /// Sends some of what cursors lag behind; says whether there was any.
  bool turn();

 private:
  using Readers = std::map<RequestKey, std::shared_ptr<LogCursor>>;

  std::pair<Readers::iterator, Readers::iterator> range_of(PeerId host);
  std::size_t of_host(PeerId host);
  /// Sends it some; whether it can be sent more now.
  bool advance(const std::shared_ptr<LogCursor>& cursor);
  bool send_to(LogCursor& cursor, KernelLog::Records& batch);
  void send_missed(LogCursor& cursor, Record&& record);
  void fetch(const std::shared_ptr<LogCursor>& cursor);
  void tell_gap(LogCursor& cursor, const KernelLog::Gap& gap);
  bool over(const LogCursor& cursor) const;
  void end(const LogCursor& cursor);

  EventLoop& loop_;
  KernelTable& kernels_;
  PeerSender& sender_;
  const std::function<void(const LogCursor&)> on_caught_up_;
  Readers readers_;
  std::deque<std::weak_ptr<LogCursor>> ready_;
};

}  // namespace oast::broker
