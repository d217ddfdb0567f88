// The one way from kernels to hosts.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel.hpp"
#include "log_readers.hpp"
#include "log_store.hpp"
#include "logger.hpp"
#include "peer_sender.hpp"

namespace oast::broker {

/// Takes what kernels say to hosts: puts it into the kernel's log, sends it, and counts what is
/// unacknowledged. Hosts that read hold a kernel back by what they have not acknowledged; readers
/// of a log (ReadLog) never do, they lag. PROTOCOL.md, "The log" and "Flow control".
///
/// A record is *done* when its host has acknowledged it, or when nobody is there to do so. The
/// kernel is told, in steps of 1/16 of its window, up to where all are done.
///
/// On the loop's thread; nothing blocks.
class Delivery {
 public:
  Delivery(EventLoop& loop, const Options& options, KernelTable& kernels, PeerSender& sender,
           const Logger& logger);
  /// The logs of all kernels go, before the store that they need.
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Before the first record of the kernel.
  void open(Kernel& kernel);
  enum class To : unsigned char {
    host,      ///< it is sent to its host too, which is to acknowledge it
    log_only,  ///< its host has left, or never asked
  };
  /// What the kernel said. With `keep` an answer stays in the log when its host has acknowledged
  /// it. False, with nothing done, when its number is not the one that is due.
  [[nodiscard]] bool record(Kernel& kernel, RequestKey key, wire::Packet& packet, To to,
                            bool keep = false);
  /// A record of the kernel cannot be served. True when it is due, and another is to be recorded
  /// under its number; else it is skipped when it is due.
  bool lost(Kernel& kernel, std::uint64_t number);
  /// What the broker says in the name of a kernel that died: with the next number.
  void record_for(Kernel& kernel, RequestKey key, wire::Packet&& packet, To to, bool keep);
  /// The kernel is dead: its log stays for a time.
  void kernel_died(Kernel& kernel);
  /// The InputRequest of this number is open: it stays in the log, and is sent again to a process
  /// that goes on with the host's session.
  void input_asked(Kernel& kernel, std::uint64_t number, PeerId host);
  /// It is not to be answered any more.
  void input_over(Kernel& kernel, std::uint64_t number);
  /// A request ended with nothing in the log that says so: who follows it alone is to know.
  void request_ended(const Kernel& kernel);
  /// Nothing more will be said in its name.
  void all_said(Kernel& kernel);

  void acknowledge(PeerId host, const wire::Acknowledge& body);

  /// The host has a session: what it is sent stays until it has acknowledged it.
  void session_opened(PeerId host) { sessions_.insert(host); }
  /// Its connection is gone. Nobody waits for what it does not read; its replies wait for it.
  void host_away(PeerId host);
  /// It is back, and wants the records of a kernel behind `seen`, 0: behind those that it
  /// acknowledged, and before them the InputRequests that are open.
  void resume(PeerId host, KernelId kernel, std::uint64_t seen);
  /// The answer of the kernel to this request was recorded, and its host has not acknowledged it.
  bool answer_waits(KernelId kernel, RequestKey key);

  /// Throws Error(not_found), Error(invalid).
  void read_log(const RequestKey& key, const wire::ReadLog& body);
  void close_log(const RequestKey& key) { readers_.close(key); }
  void host_left(PeerId host);

  /// Sends some of what readers lag behind, and gives some of the logs of dead kernels to the disk;
  /// says whether there was any.
  bool turn();

 private:
  void skip_lost(KernelRecords& records);
  void append(KernelRecords& records, Record&& record, To to, bool keep);
  void append_behind(KernelRecords& records, LogCursor& cursor, Record&& record);
  void send_live(KernelRecords& records, Record&& record);
  template <class Visit>
  void each_records(const Visit& visit);
  static void finish_record(KernelRecords& records, std::uint64_t number);
  void account(KernelRecords& records);
  std::shared_ptr<KernelRecords> find(KernelId id);
  void forget(KernelId id);
  /// `forget`, or later if somebody has still to get something of it.
  void forget_in_time(KernelId id);
  std::uint64_t kept_bytes() const;
  bool wanted(const KernelRecords& records) const;
  /// Of the dead ones but for `but`; none if all are wanted.
  std::optional<KernelId> oldest_unwanted(KernelId but) const;

  bool spill();
  void caught_up(const LogCursor& cursor);

  EventLoop& loop_;
  const Options& options_;
  KernelTable& kernels_;
  PeerSender& sender_;
  const std::unique_ptr<LogStore> store_;  // none: logs are in memory only
  /// Of dead kernels, until `log_keep` is over.
  struct Kept {
    std::shared_ptr<KernelRecords> records;
    EventLoop::Handle until;
  };
  std::unordered_map<KernelId, Kept> kept_;
  std::deque<KernelId> spilling_;
  std::unordered_set<PeerId> sessions_;
  LogReaders readers_;
};

}  // namespace oast::broker
