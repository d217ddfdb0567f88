// What a kernel has said, in memory that outlives it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "oast/codec.hpp"
#include "oast/fd.hpp"
#include "oast/ids.hpp"

namespace oast::wire {

/// Shared memory of a broker and one of its kernels. The kernel puts each record there before it
/// sends it, and the broker reads after the kernel's death what it had not received: what a process
/// has handed to a socket of libzmq is lost when it is killed.
///
/// The layout, in host byte order, is PROTOCOL.md's ("The outbox"): a head of 128 bytes and a ring
/// of entries, each with a checksum. An entry that is being written when its process is killed has
/// a false one, and those behind it are older.
class OutboxMemory {
 public:
  static constexpr std::size_t kHeadBytes = 128;
  static constexpr std::size_t kBytes = (std::size_t{4} << 20) + kHeadBytes;
  /// A larger record is not kept.
  static constexpr std::size_t kLargestRecord = std::size_t{1} << 20;

  /// A file of that size in memory, which cannot shrink. Throws std::system_error.
  static Fd make_file();

  /// Maps the file. Throws Error(invalid) when it is no such file, std::system_error.
  explicit OutboxMemory(const Fd& file);
  ~OutboxMemory();
  OutboxMemory(const OutboxMemory&) = delete;
  OutboxMemory& operator=(const OutboxMemory&) = delete;

 protected:
  struct Head {
    /// Where in the ring the oldest entry is; the kernel's.
    alignas(64) std::atomic<std::uint64_t> tail;
    /// The last record that the broker has; the broker's. In a cache line of its own.
    alignas(64) std::atomic<std::uint64_t> received;
  };
  static_assert(sizeof(Head) == kHeadBytes);
  Head& head() const { return *static_cast<Head*>(memory_); }
  std::span<std::byte> ring() const {
    return {static_cast<std::byte*>(memory_) + kHeadBytes, kBytes - kHeadBytes};
  }

 private:
  void* memory_;
};

/// The kernel's side. Not thread-safe.
class OutboxWriter : public OutboxMemory {
 public:
  using OutboxMemory::OutboxMemory;

  /// Keeps a record until the broker has it. False when there is no room, or it is too large; and
  /// always in a process that a fork has made.
  bool keep(PeerId to, std::uint64_t number, const Packet& packet);

 private:
  void free_received();
  bool find_room(std::size_t bytes);
  bool place(std::size_t bytes);

  struct Kept {
    std::uint64_t number;
    std::size_t end;  // where its entry ends in the ring
    std::size_t size;
  };
  std::deque<Kept> kept_;
  std::size_t kept_bytes_ = 0;  // of kept_
  std::size_t next_ = 0;        // where the next entry goes
};

/// The broker's side.
class OutboxReader : public OutboxMemory {
 public:
  using OutboxMemory::OutboxMemory;

  /// The broker has all records up to this one.
  void received(std::uint64_t number) { head().received.store(number, std::memory_order_release); }
  /// Calls `take(to, packet)` with the records from `next` on, in order and without a gap, copied:
  /// bytes of whoever could write there, of which only the checksums agree. Ends when `take` says
  /// false. True when it stopped because it had looked at `bytes` of the ring: the next call goes
  /// on from there. To be called when the kernel is dead. Throws std::bad_alloc.
  [[nodiscard]] bool read(std::uint64_t next, std::size_t bytes,
                          const std::function<bool(PeerId, Packet&&)>& take);

 private:
  std::size_t at_ = 0;               // what is looked at next
  std::optional<std::size_t> left_;  // so much has not been looked at; nothing: all
};

}  // namespace oast::wire
