// What a kernel has said, in memory that outlives it.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstring>
#include <string>
#include <vector>

#include "oast/error.hpp"
#include "oast/shared_outbox.hpp"

using namespace oast;
using wire::OutboxMemory;
using wire::OutboxReader;
using wire::OutboxWriter;

namespace {

wire::Packet output(std::uint64_t number, const std::string& text) {
  wire::OutputT said;
  said.text = text;
  return wire::pack(RequestId{7}, said, number);
}

struct Said {
  PeerId to;
  std::uint64_t number;
  std::string text;
  std::size_t buffers;
};

/// In pieces of a few records.
std::vector<Said> read(OutboxReader& reader, std::uint64_t next) {
  std::vector<Said> all;
  const auto take = [&](PeerId to, wire::Packet&& packet) {
    if (wire::verify(packet)) return false;
    const auto* said = packet.root().body_as_Output();
    all.push_back({to, packet.root().number(),
                   said == nullptr ? "" : std::string(wire::text(said->text())),
                   packet.buffers.size()});
    return true;
  };
  while (reader.read(next + all.size(), 1000, take)) continue;
  return all;
}

struct Both {
  const Fd file = OutboxMemory::make_file();
  OutboxWriter writer{file};
  OutboxReader reader{file};
};

}  // namespace

TEST_CASE("P2: what was not received is read, in order, from whatever was received") {
  Both both;
  for (std::uint64_t i = 1; i <= 10; ++i)
    CHECK(both.writer.keep(PeerId{i}, i, output(i, std::to_string(i))));
  CHECK(read(both.reader, 1).size() == 10);
  const auto rest = read(both.reader, 8);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].to == PeerId{8});
  CHECK(rest[0].text == "8");
  CHECK(rest[2].number == 10);
  both.reader.received(9);
  CHECK(both.writer.keep(PeerId{1}, 11, output(11, "last")));
  const auto later = read(both.reader, 10);
  REQUIRE(later.size() == 2);
  CHECK(later[1].text == "last");
  CHECK(read(both.reader, 12).empty());
}

TEST_CASE("buffers are kept with their message") {
  Both both;
  wire::Packet packet = output(1, "x");
  packet.buffers.emplace_back("buffer", 6);
  packet.buffers.emplace_back();
  CHECK(both.writer.keep(PeerId{1}, 1, packet));
  REQUIRE(read(both.reader, 1).size() == 1);
  CHECK(read(both.reader, 1)[0].buffers == 2);
}

TEST_CASE("the ring goes round many times and has at any time all that was not received") {
  Both both;
  std::uint64_t number = 0;
  std::uint64_t received = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::string text(static_cast<std::size_t>(round * 37 % 30'000), 'x');
    ++number;
    REQUIRE(both.writer.keep(PeerId{1}, number, output(number, text)));
    if (round % 50 == 0) {
      const auto rest = read(both.reader, received + 1);
      REQUIRE(rest.size() == number - received);
      CHECK(rest.back().text == text);
    }
    // Never all, so that it does not begin anew.
    if (number > 40) both.reader.received(received = number - 40);
  }
}

TEST_CASE("a record for which there is no room is not kept, and what is behind it is not read") {
  Both both;
  std::uint64_t number = 0;
  while (both.writer.keep(PeerId{1}, number + 1, output(number + 1, std::string(100'000, 'x'))))
    ++number;
  CHECK(number > 30);
  CHECK(both.writer.keep(PeerId{1}, number + 2, output(number + 2, "small")));
  CHECK(read(both.reader, 1).size() == number);
  CHECK(read(both.reader, number + 1).empty());
  CHECK_FALSE(both.writer.keep(PeerId{1}, 99, output(99, std::string(2 << 20, 'x'))));
  both.reader.received(number + 3);
  CHECK(both.writer.keep(PeerId{1}, number + 4, output(number + 4, std::string(900'000, 'x'))));
  CHECK(read(both.reader, number + 4).size() == 1);
}

TEST_CASE(
    "P5: whatever the kernel's process has written there, reading ends and takes no nonsense") {
  const Fd file = OutboxMemory::make_file();
  OutboxWriter writer(file);
  OutboxReader reader(file);
  for (std::uint64_t i = 1; i <= 20; ++i)
    REQUIRE(writer.keep(PeerId{1}, i, output(i, std::string(i, 'x'))));
  auto* bytes = static_cast<unsigned char*>(
      ::mmap(nullptr, OutboxMemory::kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
  const auto check = [&] {
    std::uint64_t number = 0;
    for (const Said& said : read(reader, 1)) {
      CHECK(said.number == ++number);
      if (!said.text.empty()) CHECK(said.text == std::string(number, 'x'));
    }
  };
  for (std::size_t at = 0; at < OutboxMemory::kHeadBytes + 3000; ++at) {
    const unsigned char was = bytes[at];
    for (const unsigned char flip : {0x01, 0x80, 0xFF}) {
      bytes[at] = static_cast<unsigned char>(was ^ flip);
      check();
    }
    bytes[at] = was;
  }
  CHECK(read(reader, 1).size() == 20);
  std::memset(bytes + OutboxMemory::kHeadBytes, 0xFF,
              OutboxMemory::kBytes - OutboxMemory::kHeadBytes);
  CHECK(read(reader, 1).empty());
  std::memset(bytes, 0x41, OutboxMemory::kBytes);
  CHECK(read(reader, 1).empty());
  ::munmap(bytes, OutboxMemory::kBytes);
}

TEST_CASE("a file of another size is refused") {
  const Fd file(::memfd_create("other", MFD_CLOEXEC));
  CHECK_THROWS_AS(OutboxWriter{file}, Error);
}
