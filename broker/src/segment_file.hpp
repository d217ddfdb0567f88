// Segments as files: what LogFiles reads and writes them with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "log_record.hpp"
#include "oast/fd.hpp"

namespace oast::broker {

/// Makes what is missing on the way, mode 0700. Throws std::system_error.
void make_private_directories(const std::filesystem::path& path);

/// Appends to one file. Blocks as write(2) does; throws std::system_error.
class SegmentWriter {
 public:
  /// A new file, which begins with `header`; an old one of that name is gone.
  SegmentWriter(const std::filesystem::path& path, std::string_view header);
  /// An existing file, which is to have `size` bytes.
  SegmentWriter(const std::filesystem::path& path, std::uint64_t size);

  /// Where the next record will be.
  std::uint64_t offset() const { return offset_; }
  void append(const Record& record);
  void flush();
  /// Takes back what was written, as far as that can be done.
  void undo() noexcept;

 private:
  void put(std::string_view bytes);
  void write(std::string_view bytes) const;

  Fd fd_;
  std::uint64_t start_ = 0;
  std::uint64_t offset_ = 0;
  std::string buffer_;
};

/// Reads a segment's records one after the other, from an offset that is the beginning of one.
class SegmentReader {
 public:
  /// No more than the first `size` bytes of the file.
  SegmentReader(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t size);

  /// The bytes of the file from the next record on, at least as many as it says it has; nothing at
  /// the end, when the file has fewer or is not there, and when it cannot be read. Until the next
  /// call. May throw std::bad_alloc.
  std::optional<std::span<const std::byte>> peek();
  /// So much of what `peek` gave has been read.
  void advance(std::size_t bytes) { at_ += bytes; }
  /// Why the file cannot be read now, though it may be later: no descriptor is free, say.
  const std::error_code& error() const { return error_; }

 private:
  bool load(std::size_t bytes);

  std::error_code error_;
  Fd fd_;
  std::uint64_t offset_;  // of buffer_ in the file
  std::uint64_t size_;
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0;  // in buffer_
};

}  // namespace oast::broker
