#include "log_segment.hpp"

#include <array>
#include <concepts>
#include <cstring>
#include <string_view>

#include "oast/crc32c.hpp"

namespace oast::broker {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kMagic = "oastlog\n";
constexpr std::uint32_t kVersion = 1;

// Offsets; LOG_FORMAT.md.
constexpr std::size_t kHeaderChecksum = 40;
constexpr std::size_t kLength = 8;
constexpr std::size_t kNumber = 16;
constexpr std::size_t kFrameSize = 8;

void put(std::string& out, std::unsigned_integral auto value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

/// Precondition: the bytes are there.
template <std::unsigned_integral Number>
Number get(Bytes bytes, std::size_t at) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<Number>(std::to_integer<Number>(bytes[at + i]) << (8 * i));
  return value;
}

Bytes bytes_of(const zmq::message_t& frame) {
  return {static_cast<const std::byte*>(frame.data()), frame.size()};
}

template <class Each>
void for_frames(const Record& record, const Each& each) {
  each(record.packet.message);
  for (const auto& buffer : record.packet.buffers) each(buffer);
}

/// The head of a record, and whether the sizes of its frames agree with its length.
struct Head {
  std::uint32_t checksum = 0;
  std::uint32_t frames = 0;
  std::uint64_t length = 0;
  std::uint32_t body = 0;
  Bytes bytes;  // the whole record

  std::uint64_t frame_size(std::size_t i) const {
    return get<std::uint64_t>(bytes, kRecordHeadBytes + i * kFrameSize);
  }
  std::size_t frames_begin() const { return kRecordHeadBytes + frames * kFrameSize; }
};

bool sizes_agree(const Head& head) {
  if (head.frames == 0 || head.frames > (head.length - kRecordHeadBytes) / kFrameSize) return false;
  std::uint64_t rest = head.length - head.frames_begin();
  for (std::size_t i = 0; i < head.frames; ++i) {
    const std::uint64_t size = head.frame_size(i);
    if (size > rest) return false;
    rest -= size;
  }
  return rest == 0;
}

std::optional<Head> read_head(Bytes bytes) {
  if (bytes.size() < kRecordHeadBytes) return {};
  Head head;
  head.checksum = get<std::uint32_t>(bytes, 0);
  head.frames = get<std::uint32_t>(bytes, 4);
  head.length = get<std::uint64_t>(bytes, kLength);
  head.body = get<std::uint32_t>(bytes, 40);
  if (head.length < kRecordHeadBytes || head.length > bytes.size() || head.body > 0xFF) return {};
  head.bytes = bytes.first(head.length);
  if (!sizes_agree(head) || crc32c(head.bytes.subspan(4)) != head.checksum) return {};
  return head;
}

std::uint64_t number_of(const Head& head) { return get<std::uint64_t>(head.bytes, kNumber); }

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, static_cast<std::uint32_t>(SegmentHeader::kBytes));
  put(out, header.kernel.value);
  put(out, header.first);
  put(out, header.bytes_before);
  put(out, crc32c(std::as_bytes(std::span(out))));
  return out;
}

std::optional<SegmentHeader> decode_header(Bytes bytes) {
  if (bytes.size() < SegmentHeader::kBytes) return {};
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) return {};
  if (get<std::uint32_t>(bytes, 8) != kVersion) return {};
  if (get<std::uint32_t>(bytes, 12) != SegmentHeader::kBytes) return {};
  if (get<std::uint32_t>(bytes, kHeaderChecksum) != crc32c(bytes.first(kHeaderChecksum))) return {};
  return SegmentHeader{.kernel = KernelId{get<std::uint64_t>(bytes, 16)},
                       .first = get<std::uint64_t>(bytes, 24),
                       .bytes_before = get<std::uint64_t>(bytes, 32)};
}

std::size_t encoded_bytes(const Record& record) {
  return kRecordHeadBytes + (1 + record.packet.buffers.size()) * kFrameSize + record.packet.bytes();
}

std::string encode_head(const Record& record) {
  std::string out;
  put(out, static_cast<std::uint32_t>(1 + record.packet.buffers.size()));
  put(out, static_cast<std::uint64_t>(encoded_bytes(record)));
  put(out, record.number);
  put(out, record.host.value);
  put(out, record.request.value);
  put(out, static_cast<std::uint32_t>(record.body));
  for_frames(record, [&out](const auto& frame) { put(out, std::uint64_t{frame.size()}); });
  std::uint32_t checksum = crc32c(std::as_bytes(std::span(out)));
  for_frames(record, [&](const auto& frame) { checksum = crc32c(bytes_of(frame), checksum); });
  std::string head;
  put(head, checksum);
  return head + out;
}

Claim peek_record(Bytes bytes) {
  return {get<std::uint64_t>(bytes, kLength), get<std::uint64_t>(bytes, kNumber)};
}

std::optional<Scanned> scan_record(Bytes bytes) {
  const auto head = read_head(bytes);
  if (!head) return {};
  return Scanned{number_of(*head), head->bytes.size()};
}

std::optional<Decoded> decode_record(Bytes bytes) {
  const auto head = read_head(bytes);
  if (!head) return {};
  Decoded decoded{.bytes = head->bytes.size()};
  decoded.record.number = number_of(*head);
  decoded.record.host = PeerId{get<std::uint64_t>(bytes, 24)};
  decoded.record.request = RequestId{get<std::uint64_t>(bytes, 32)};
  decoded.record.body = static_cast<wire::Body>(head->body);
  std::size_t at = head->frames_begin();
  decoded.record.packet.buffers.reserve(head->frames - 1);
  for (std::size_t i = 0; i < head->frames; ++i) {
    const auto size = static_cast<std::size_t>(head->frame_size(i));
    zmq::message_t frame(size);
    if (size > 0) std::memcpy(frame.data(), head->bytes.data() + at, size);
    at += size;
    if (i == 0)
      decoded.record.packet.message = std::move(frame);
    else
      decoded.record.packet.buffers.push_back(std::move(frame));
  }
  return decoded;
}

}  // namespace oast::broker
