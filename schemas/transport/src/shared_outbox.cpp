#include "oast/shared_outbox.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <vector>

#include "oast/crc32c.hpp"
#include "oast/error.hpp"

namespace oast::wire {

namespace {

constexpr std::size_t kAlignment = 8;
constexpr std::uint32_t kWrapped = 0xFFFF'FFFF;  // in place of a size: the next is at the beginning
constexpr std::size_t kMostFrames = 1025;
/// With less than this in the ring the writer does not look at what the broker has received, whose
/// cache line is on the broker's processor.
constexpr std::size_t kLookFrom = std::size_t{64} << 10;

/// What an entry begins with. Behind it: the sizes of its frames, eight bytes each, and the frames.
struct EntryHead {
  std::uint32_t size;      // of all, without what fills it up to a multiple of eight
  std::uint32_t checksum;  // of all behind this field, and then of `size`
  std::uint64_t number;
  std::uint64_t to;
  std::uint64_t frames;
};
static_assert(sizeof(EntryHead) == 32);

constexpr std::size_t aligned(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint32_t checksum_of(std::span<const std::byte> entry) {
  return crc32c(entry.first(4), crc32c(entry.subspan(8)));
}

/// The memory is shared with the parent; only that may write.
std::atomic<bool> forked{false};

void watch_forks() {
  [[maybe_unused]] static const int once =
      ::pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
}

template <class Visit>
void for_frames(const Packet& packet, const Visit& visit) {
  visit(packet.message);
  for (const zmq::message_t& buffer : packet.buffers) visit(buffer);
}

/// An entry of the ring, copied, if its checksum agrees.
std::optional<std::vector<std::byte>> copy_entry(std::span<const std::byte> rest) {
  std::uint32_t size = 0;
  if (rest.size() < sizeof(EntryHead)) return std::nullopt;
  std::memcpy(&size, rest.data(), sizeof size);
  if (size < sizeof(EntryHead) || size > rest.size()) return std::nullopt;
  std::vector<std::byte> entry(rest.begin(), rest.begin() + size);
  std::memcpy(entry.data(), &size, sizeof size);  // which may have changed meanwhile
  EntryHead head{};
  std::memcpy(&head, entry.data(), sizeof head);
  if (head.checksum != checksum_of(entry)) return std::nullopt;
  return entry;
}

/// Nothing when its sizes disagree.
std::optional<Packet> packet_of(std::span<const std::byte> entry, std::uint64_t frames) {
  std::span<const std::byte> rest = entry.subspan(sizeof(EntryHead));
  if (frames == 0 || frames > kMostFrames || rest.size() < frames * 8) return std::nullopt;
  std::vector<std::uint64_t> sizes(frames);
  std::memcpy(sizes.data(), rest.data(), frames * 8);
  rest = rest.subspan(frames * 8);
  Packet packet;
  for (std::size_t i = 0; i < frames; ++i) {
    if (sizes[i] > rest.size()) return std::nullopt;
    zmq::message_t frame(rest.data(), sizes[i]);
    align(frame);
    rest = rest.subspan(sizes[i]);
    if (i == 0)
      packet.message = std::move(frame);
    else
      packet.buffers.push_back(std::move(frame));
  }
  return packet;
}

}  // namespace

Fd OutboxMemory::make_file() {
  Fd file(::memfd_create("oast-outbox", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ::ftruncate(file.get(), kBytes) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw std::system_error(errno, std::generic_category(), "memfd_create");
  return file;
}

OutboxMemory::OutboxMemory(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || info.st_size != static_cast<off_t>(kBytes))
    throw Error(oast::FailureKind::invalid,
                "the outbox is no file of the size that it should have");
  memory_ = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  watch_forks();
}

OutboxMemory::~OutboxMemory() { ::munmap(memory_, kBytes); }

void OutboxWriter::free_received() {
  const std::uint64_t received = head().received.load(std::memory_order_acquire);
  const std::size_t before = kept_.size();
  while (!kept_.empty() && kept_.front().number <= received) {
    head().tail.store(kept_.front().end == ring().size() ? 0 : kept_.front().end,
                      std::memory_order_release);
    kept_bytes_ -= kept_.front().size;
    kept_.pop_front();
  }
  // So that a kernel that says little uses little memory.
  if (kept_.empty() && before != 0) {
    next_ = 0;
    head().tail.store(0, std::memory_order_release);
  }
}

bool OutboxWriter::find_room(std::size_t bytes) {
  if (kept_bytes_ < kLookFrom && place(bytes)) return true;
  free_received();
  return place(bytes);
}

/// Sets `next_` to where so many bytes fit.
bool OutboxWriter::place(std::size_t bytes) {
  const std::size_t size = ring().size();
  if (kept_.empty()) return bytes <= size;
  const auto tail = static_cast<std::size_t>(head().tail.load(std::memory_order_relaxed));
  if (next_ <= tail) return bytes < tail - next_;
  if (bytes <= size - next_) return true;
  if (bytes >= tail) return false;
  if (next_ < size) std::memcpy(ring().data() + next_, &kWrapped, sizeof kWrapped);
  next_ = 0;
  return true;
}

bool OutboxWriter::keep(PeerId to, std::uint64_t number, const Packet& packet) {
  if (forked.load(std::memory_order_relaxed)) return false;
  const std::size_t frames = packet.buffers.size() + 1;
  const std::size_t size = sizeof(EntryHead) + frames * 8 + packet.bytes();
  if (size > kLargestRecord || !find_room(aligned(size))) return false;
  kept_.push_back({number, next_ + aligned(size), aligned(size)});
  kept_bytes_ += aligned(size);

  const std::span<std::byte> entry = ring().subspan(next_, size);
  EntryHead head{static_cast<std::uint32_t>(size), 0, number, to.value, frames};
  std::byte* at = entry.data() + sizeof head;
  const auto put = [&at](const void* bytes, std::size_t count) {
    std::memcpy(at, bytes, count);
    at += count;
  };
  for_frames(packet, [&](const zmq::message_t& frame) {
    const std::uint64_t bytes = frame.size();
    put(&bytes, sizeof bytes);
  });
  for_frames(packet, [&](const zmq::message_t& frame) { put(frame.data(), frame.size()); });
  std::memcpy(entry.data(), &head, sizeof head);
  head.checksum = checksum_of(entry);
  std::memcpy(entry.data(), &head, sizeof head);

  next_ += aligned(size);
  if (next_ == ring().size()) next_ = 0;
  return true;
}

bool OutboxReader::read(std::uint64_t next, std::size_t bytes,
                        const std::function<bool(PeerId, Packet&&)>& take) {
  const std::span<const std::byte> all = ring();
  // Each entry is looked at once at most: nobody can make this go round for ever.
  if (!left_) {
    left_ = all.size();
    at_ = head().tail.load(std::memory_order_acquire);
  }
  const auto over = [this] {
    left_.reset();
    return false;
  };
  const std::size_t until = *left_ > bytes ? *left_ - bytes : 0;
  const auto looked_at = [this](std::size_t count) { *left_ -= std::min(count, *left_); };
  while (*left_ > until && at_ < all.size()) {
    const std::span<const std::byte> rest = all.subspan(at_);
    std::uint32_t size = 0;
    if (rest.size() >= sizeof size) std::memcpy(&size, rest.data(), sizeof size);
    if (size == kWrapped || rest.size() < sizeof(EntryHead)) {
      looked_at(rest.size());
      at_ = 0;
      continue;
    }
    const auto entry = copy_entry(rest);
    if (!entry) return over();
    EntryHead head{};
    std::memcpy(&head, entry->data(), sizeof head);
    if (head.number > next) return over();
    if (head.number == next) {
      auto packet = packet_of(*entry, head.frames);
      if (!packet || !take(PeerId{head.to}, std::move(*packet))) return over();
      ++next;
    }
    looked_at(aligned(entry->size()));
    at_ += aligned(entry->size());
    if (at_ == all.size()) at_ = 0;
  }
  return (*left_ > 0 && at_ < all.size()) || over();
}

}  // namespace oast::wire
