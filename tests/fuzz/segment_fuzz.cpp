// Any bytes as a segment of a kernel's log: reading must stay inside them, and what it takes for a
// record must be one, byte for byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log_segment.hpp"
#include "oast/crc32c.hpp"

namespace {

using namespace oast::broker;

void require(bool fact, std::string_view what) {
  if (fact) return;
  std::cerr << "not so: " << what << '\n';
  std::abort();
}

std::string encode_whole(const Record& record) {
  std::string out = encode_head(record);
  out += record.packet.message.to_string_view();
  for (const auto& buffer : record.packet.buffers) out += buffer.to_string_view();
  return out;
}

/// Every record from the beginning on.
void read_records(std::span<const std::byte> bytes) {
  for (;;) {
    const auto scanned = scan_record(bytes);
    const auto decoded = decode_record(bytes);
    require(scanned.has_value() == decoded.has_value(), "what is a record to one is to the other");
    if (!decoded) return;
    require(decoded->bytes == scanned->bytes && decoded->record.number == scanned->number,
            "both read the same");
    const std::string again = encode_whole(decoded->record);
    require(std::string_view(reinterpret_cast<const char*>(bytes.data()), decoded->bytes) == again,
            "a record that was read can be written again");
    bytes = bytes.subspan(decoded->bytes);
  }
}

/// The same bytes with a checksum that is right, which mutations seldom hit.
std::vector<std::byte> repaired(std::span<const std::byte> bytes) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  const std::uint64_t length = std::min<std::uint64_t>(peek_record(bytes).bytes, copy.size());
  if (length < kRecordHeadBytes) return copy;
  const std::uint32_t crc = oast::crc32c(std::span(copy).subspan(4, length - 4));
  for (unsigned i = 0; i < 4; ++i) copy[i] = static_cast<std::byte>((crc >> (8 * i)) & 0xFF);
  return copy;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer names it
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  if (const auto header = decode_header(bytes)) {
    const std::string again = encode(*header);
    require(std::string_view(reinterpret_cast<const char*>(data), again.size()) == again,
            "a header that was read can be written again");
    bytes = bytes.subspan(SegmentHeader::kBytes);
  }
  read_records(bytes);
  if (bytes.size() >= kRecordHeadBytes) read_records(repaired(bytes));
  return 0;
}
