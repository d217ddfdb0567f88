#include "segment_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "log_segment.hpp"

namespace oast::broker {

namespace {

/// What is written and read at a time.
constexpr std::size_t kChunk = std::size_t{256} << 10;

[[noreturn]] void fail() { throw std::system_error(errno, std::generic_category()); }

/// What may pass.
std::error_code refusal() {
  const bool passes = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO;
  return passes ? std::error_code(errno, std::generic_category()) : std::error_code();
}

}  // namespace

void make_private_directories(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  if (errno != ENOENT || !path.has_relative_path()) fail();
  make_private_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail();
}

SegmentWriter::SegmentWriter(const std::filesystem::path& path, std::string_view header)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
  if (!fd_) fail();
  put(header);
}

SegmentWriter::SegmentWriter(const std::filesystem::path& path, std::uint64_t size)
    : fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), start_(size), offset_(size) {
  if (!fd_ || ::lseek(fd_.get(), static_cast<off_t>(size), SEEK_SET) < 0) fail();
}

void SegmentWriter::append(const Record& record) {
  put(encode_head(record));
  put(record.packet.message.to_string_view());
  for (const auto& buffer : record.packet.buffers) put(buffer.to_string_view());
}

void SegmentWriter::put(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kChunk) flush();
  if (bytes.size() >= kChunk)
    write(bytes);
  else
    buffer_ += bytes;
  offset_ += bytes.size();
}

void SegmentWriter::flush() {
  write(buffer_);
  buffer_.clear();
}

void SegmentWriter::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd_.get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail();
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

void SegmentWriter::undo() noexcept {
  // A reader stops at what stays of it: there is no whole record of the right length.
  if (::ftruncate(fd_.get(), static_cast<off_t>(start_)) != 0) return;
}

SegmentReader::SegmentReader(const std::filesystem::path& path, std::uint64_t offset,
                             std::uint64_t size)
    : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)), offset_(offset), size_(size) {
  if (!fd_) error_ = refusal();
}

std::optional<std::span<const std::byte>> SegmentReader::peek() {
  const auto rest = [this] { return std::span<const std::byte>(buffer_).subspan(at_); };
  if (rest().size() < kRecordHeadBytes && !load(kRecordHeadBytes)) return {};
  const std::uint64_t needed = peek_record(rest()).bytes;
  if (rest().size() < needed && !load(needed)) return {};
  return rest();
}

/// So many bytes or more from the current record on.
bool SegmentReader::load(std::size_t bytes) {
  offset_ += at_;
  at_ = 0;
  buffer_.clear();
  if (!fd_ || offset_ > size_ || bytes > size_ - offset_) return false;
  buffer_.resize(std::min<std::uint64_t>(std::max(bytes, kChunk), size_ - offset_));
  std::size_t have = 0;
  while (have < buffer_.size()) {
    const auto got = ::pread(fd_.get(), buffer_.data() + have, buffer_.size() - have,
                             static_cast<off_t>(offset_ + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error_ = refusal();
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  buffer_.resize(have);
  return have >= bytes;
}

}  // namespace oast::broker
