// The golden messages: bytes that earlier versions sent, and what they meant.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "golden_cases.hpp"
#include "packet_file.hpp"

using namespace oast;
using oast::testing::golden_cases;

namespace {

const std::filesystem::path kDirectory = OAST_GOLDEN_DIR;

wire::Packet golden(const std::string& name) {
  return testing::to_packet(testing::read_file(kDirectory / (name + ".bin")));
}

}  // namespace

TEST_CASE("every golden message decodes to what it meant when it was written") {
  for (const auto& one : golden_cases()) {
    CAPTURE(one.name);
    wire::Packet packet = golden(one.name);
    const auto problem = wire::verify(packet);
    CHECK(problem == std::nullopt);
    if (!problem) CHECK(one.matches(packet));
  }
}

TEST_CASE("what is written now means the same as the golden message") {
  for (const auto& one : golden_cases()) {
    CAPTURE(one.name);
    wire::Packet packet = one.write();
    CHECK(wire::verify(packet) == std::nullopt);
    CHECK(one.matches(packet));
  }
}

TEST_CASE("every message of the protocol has a golden message") {
  std::set<wire::Body> seen;
  for (const auto& one : golden_cases()) seen.insert(golden(one.name).root().body_type());
  for (const wire::Body body : wire::EnumValuesBody()) {
    if (body == wire::Body::NONE) continue;
    CAPTURE(wire::EnumNameBody(body));
    CHECK(seen.contains(body));
  }
}

TEST_CASE("every golden file is named by a case") {
  std::set<std::string> names;
  for (const auto& one : golden_cases()) names.insert(one.name + ".bin");
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    CAPTURE(entry.path());
    CHECK(names.contains(entry.path().filename().string()));
  }
}

TEST_CASE("a packet is the same after it was a file") {
  const wire::Packet packet = testing::result(testing::every_kind());
  const wire::Packet again = testing::to_packet(testing::to_bytes(packet));
  CHECK(again.message == packet.message);
  CHECK(again.buffers == packet.buffers);
}
