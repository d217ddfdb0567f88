// A segment of a kernel's log as bytes: LOG_FORMAT.md. Nothing here does input or output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "log_record.hpp"
#include "oast/ids.hpp"

namespace oast::broker {

/// What a segment begins with.
struct SegmentHeader {
  static constexpr std::size_t kBytes = 44;

  KernelId kernel;
  std::uint64_t first = 0;         ///< the number of its first record
  std::uint64_t bytes_before = 0;  ///< of the messages and buffers in all segments before it

  bool operator==(const SegmentHeader&) const = default;
};

std::string encode(const SegmentHeader& header);
/// Nothing when the bytes do not begin with a header of this version.
std::optional<SegmentHeader> decode_header(std::span<const std::byte> bytes);

/// A record without its frames, which follow.
inline constexpr std::size_t kRecordHeadBytes = 44;
/// What stands before the bytes of the record's frames, which follow in order: the message, then
/// the buffers.
std::string encode_head(const Record& record);
/// How long the record is in the segment.
std::size_t encoded_bytes(const Record& record);

/// What the record that the bytes begin with says of itself, which may be anything.
struct Claim {
  std::uint64_t bytes = 0;  ///< of the segment
  std::uint64_t number = 0;
};
/// Precondition: there are kRecordHeadBytes.
Claim peek_record(std::span<const std::byte> bytes);

struct Decoded {
  Record record;
  std::size_t bytes = 0;  ///< of the segment
};
/// The record that the bytes begin with. Nothing when they are not a whole record with the right
/// checksum. Takes no memory beyond what the bytes justify; any bytes are safe to pass.
std::optional<Decoded> decode_record(std::span<const std::byte> bytes);
/// The same without its frames: whether it is whole, and its number.
struct Scanned {
  std::uint64_t number = 0;
  std::size_t bytes = 0;  ///< of the segment
};
std::optional<Scanned> scan_record(std::span<const std::byte> bytes);

}  // namespace oast::broker
