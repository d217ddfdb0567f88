#include "log_segment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "log_records.hpp"
#include "oast/crc32c.hpp"

using namespace oast;
using namespace oast::broker;
using oast::test::is_intact;
using oast::test::record;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string encode_whole(const Record& made) {
  std::string out = encode_head(made);
  out += made.packet.message.to_string_view();
  for (const auto& buffer : made.packet.buffers) out += buffer.to_string_view();
  return out;
}

/// A record with `buffers` buffers behind its message, the first of which is empty.
Record with_buffers(std::uint64_t number, std::size_t buffers) {
  Record made = record(number, 20 + number % 7, wire::Body::Result);
  for (std::size_t i = 0; i < buffers; ++i)
    made.packet.buffers.emplace_back(std::string(i * 5, static_cast<char>('0' + i)));
  return made;
}

struct Segment {
  std::string bytes;
  std::vector<std::size_t> ends;  // of its records
};

Segment segment(std::uint64_t first, std::uint64_t count) {
  Segment made{encode(SegmentHeader{KernelId{3}, first, 77}), {}};
  for (std::uint64_t n = first; n < first + count; ++n) {
    made.bytes += encode_whole(with_buffers(n, n % 4));
    made.ends.push_back(made.bytes.size());
  }
  return made;
}

/// The whole records from the beginning on, behind a header that is right.
std::vector<Record> read_whole(std::span<const std::byte> bytes) {
  std::vector<Record> records;
  if (!decode_header(bytes)) return records;
  bytes = bytes.subspan(SegmentHeader::kBytes);
  while (auto decoded = decode_record(bytes)) {
    bytes = bytes.subspan(decoded->bytes);
    records.push_back(std::move(decoded->record));
  }
  return records;
}

}  // namespace

TEST_CASE("crc32c agrees with the examples of RFC 3720, B.4") {
  const auto crc = [](std::string_view text) { return crc32c(bytes_of(text)); };
  std::string ascending(32, '\0');
  std::iota(ascending.begin(), ascending.end(), '\0');
  const std::string descending(ascending.rbegin(), ascending.rend());
  CHECK(crc(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc(std::string(32, '\xFF')) == 0x62A8AB43);
  CHECK(crc(ascending) == 0x46DD794E);
  CHECK(crc(descending) == 0x113FDB5C);
  CHECK(crc("123456789") == 0xE3069283);
  CHECK(crc("") == 0);
}

TEST_CASE("crc32c in pieces is crc32c of the whole") {
  const std::string text = oast::test::text_of(5, 100);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto bytes = bytes_of(text);
    CHECK(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))) == crc32c(bytes));
  }
}

TEST_CASE("crc32c is the same with and without the processor's instruction") {
  const std::string text = oast::test::text_of(5, 100);
  for (std::size_t from = 0; from <= 8; ++from)
    for (std::size_t size = 0; from + size <= text.size(); ++size) {
      const auto bytes = bytes_of(text).subspan(from, size);
      CHECK(crc32c(bytes, 7) == crc32c_by_tables(bytes, 7));
    }
}

TEST_CASE("A segment's header is read as it was written, and has the bytes that are documented") {
  const SegmentHeader header{KernelId{0x0102030405060708}, 9, 10};
  const std::string bytes = encode(header);
  CHECK(bytes.size() == SegmentHeader::kBytes);
  CHECK(decode_header(bytes_of(bytes)) == header);
  using namespace std::string_literals;
  CHECK(bytes.substr(0, 40) ==
        "oastlog\n\1\0\0\0\x2C\0\0\0"
        "\x08\x07\x06\x05\x04\x03\x02\x01\x09\0\0\0\0\0\0\0\x0A\0\0\0\0\0\0\0"s);
}

TEST_CASE("A record is read as it was written, and has the bytes that are documented") {
  Record made{.number = 5, .host = PeerId{6}, .request = RequestId{7}, .body = wire::Body::Output};
  made.packet.message = zmq::message_t(std::string("text"));
  made.packet.buffers.emplace_back(std::string("ab"));
  made.packet.buffers.emplace_back();
  const std::string bytes = encode_whole(made);
  CHECK(bytes.size() == encoded_bytes(made));
  CHECK(peek_record(bytes_of(bytes)).bytes == bytes.size());
  CHECK(peek_record(bytes_of(bytes)).number == 5);
  const auto decoded = decode_record(bytes_of(bytes + "more"));
  REQUIRE(decoded);
  CHECK(decoded->bytes == bytes.size());
  CHECK(decoded->record.number == 5);
  CHECK(decoded->record.host == PeerId{6});
  CHECK(decoded->record.request == RequestId{7});
  CHECK(decoded->record.body == wire::Body::Output);
  CHECK(decoded->record.packet.message.to_string_view() == "text");
  REQUIRE(decoded->record.packet.buffers.size() == 2);
  CHECK(decoded->record.packet.buffers[0].to_string_view() == "ab");
  CHECK(decoded->record.packet.buffers[1].size() == 0);
  using namespace std::string_literals;
  const std::string body(1, static_cast<char>(wire::Body::Output));
  CHECK(bytes.substr(4) ==
        "\3\0\0\0\x4A\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0"s + body +
            "\0\0\0\4\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0textab"s);
}

TEST_CASE("Every prefix of a segment has exactly its whole records") {
  const Segment made = segment(11, 30);
  for (std::size_t size = 0; size <= made.bytes.size(); ++size) {
    // A copy of that size, so that a sanitizer sees a read beyond it.
    const std::vector<char> prefix(made.bytes.begin(),
                                   made.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto records = read_whole(std::as_bytes(std::span(prefix)));
    const auto whole = std::count_if(made.ends.begin(), made.ends.end(),
                                     [size](std::size_t end) { return end <= size; });
    REQUIRE(records.size() == static_cast<std::size_t>(whole));
    for (std::size_t i = 0; i < records.size(); ++i) {
      REQUIRE(records[i].number == 11 + i);
      REQUIRE(is_intact(records[i]));
      REQUIRE(records[i].packet.buffers.size() == (11 + i) % 4);
    }
  }
}

TEST_CASE("A bit that flipped ends a segment before the record that it is in") {
  const Segment made = segment(1, 8);
  for (std::size_t at = 0; at < made.bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = made.bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      const auto records = read_whole(bytes_of(flipped));
      const auto before = std::count_if(made.ends.begin(), made.ends.end(),
                                        [at](std::size_t end) { return end <= at; });
      REQUIRE(records.size() ==
              (at < SegmentHeader::kBytes ? 0 : static_cast<std::size_t>(before)));
      for (const Record& got : records) REQUIRE(is_intact(got));
    }
}

TEST_CASE("A record that claims to be enormous is refused before memory is taken") {
  std::string bytes = encode_whole(record(1, 100));
  for (const std::size_t field : {4U, 8U, 44U}) {  // frames, length, the size of the first frame
    std::string lying = bytes;
    lying.replace(field, 4, "\xFF\xFF\xFF\xFF");
    if (field != 4) lying.replace(field + 4, 4, "\xFF\xFF\xFF\xFF");
    // With a checksum that is right, as far as the bytes reach.
    const std::uint32_t crc = crc32c(bytes_of(lying).subspan(4));
    for (unsigned i = 0; i < 4; ++i) lying[i] = static_cast<char>((crc >> (8 * i)) & 0xFF);
    CHECK_FALSE(decode_record(bytes_of(lying)));
    CHECK_FALSE(scan_record(bytes_of(lying)));
  }
}
