// Jupyter's messages: signatures, frames, connection files.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "connection_file.hpp"
#include "message_reader.hpp"
#include "message_writer.hpp"
#include "oast/error.hpp"

using namespace oast;
using namespace oast::jupyter;

namespace {

const std::string kKey = "a key";

Frames frames_of(const std::vector<std::string>& texts) {
  Frames frames;
  for (const auto& text : texts) frames.emplace_back(text);
  return frames;
}

std::vector<std::string> texts_of(const Frames& frames) {
  std::vector<std::string> texts;
  for (const auto& frame : frames) texts.push_back(frame.to_string());
  return texts;
}

/// A signed message of these parts.
Frames signed_parts(const std::array<std::string, 4>& parts) {
  const std::string signature = Signer(kKey).sign({parts[0], parts[1], parts[2], parts[3]});
  return frames_of(
      {"peer", std::string(kDelimiter), signature, parts[0], parts[1], parts[2], parts[3]});
}

const std::string kHeader = R"({"msg_id":"1","msg_type":"execute_request"})";

}  // namespace

TEST_CASE("a signature is the HMAC-SHA256 of the four parts one after the other") {
  // RFC 4231, test case 2.
  CHECK(Signer("Jefe").sign({"what do ya ", "want", " for ", "nothing?"}) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(Signer("").sign({"a", "b", "c", "d"}).empty());
  CHECK(Signer("k", "hmac-sha512").sign({"", "", "", ""}).size() == 128);
  for (const char* scheme : {"sha256", "hmac-", "hmac-nonsense", ""})
    CHECK_THROWS_AS(Signer("k", scheme), Error);
}

TEST_CASE("what is written can be read") {
  MessageWriter writer{Signer(kKey)};
  Message message;
  message.identities = {"someone"};
  message.header = writer.header("status");
  message.parent_header = {{"msg_id", "7"}};
  message.content = {{"execution_state", "busy"}, {"text", "\xff is no UTF-8"}};
  message.buffers.emplace_back(std::string("bytes"));
  MessageReader reader{Signer(kKey)};
  const auto read = reader.read(writer.write(message));
  REQUIRE(read.has_value());
  CHECK(read->identities == std::vector<std::string>{"someone"});
  CHECK(read->type() == "status");
  CHECK(read->parent_header == message.parent_header);
  CHECK(text_at(read->content, "execution_state") == "busy");
  CHECK(text_at(read->content, "text") == "\xEF\xBF\xBD is no UTF-8");
  CHECK(texts_of(read->buffers) == std::vector<std::string>{"bytes"});
}

TEST_CASE("every message has an id of its own") {
  MessageWriter writer{Signer(kKey)};
  CHECK(writer.header("a")["msg_id"] != writer.header("a")["msg_id"]);
  CHECK(MessageWriter{Signer(kKey)}.session() != writer.session());
  CHECK(random_id().size() == 32);
}

TEST_CASE("P5: too few frames, and no delimiter, are dropped and counted") {
  MessageReader reader{Signer(kKey)};
  const auto whole = texts_of(signed_parts({kHeader, "{}", "{}", "{}"}));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(reader.read(frames_of({whole.begin(), whole.begin() + static_cast<long>(size)})));
  CHECK(reader.dropped().malformed == whole.size());
  CHECK_FALSE(reader.read(frames_of(std::vector<std::string>(MessageReader::kMostFrames + 1))));
  CHECK(reader.read(frames_of(whole)).has_value());
}

TEST_CASE("P5: a missing and a wrong signature are told apart, and nothing of it is parsed") {
  MessageReader reader{Signer(kKey)};
  auto texts = texts_of(signed_parts({"no JSON", "{}", "{}", "{}"}));
  texts[2].clear();
  CHECK_FALSE(reader.read(frames_of(texts)));
  CHECK(reader.dropped().unsigned_frames == 1);
  for (const auto& wrong : {std::string(64, '0'), std::string("0"), std::string(1000, 'f')}) {
    texts[2] = wrong;
    CHECK_FALSE(reader.read(frames_of(texts)));
  }
  CHECK(reader.dropped().forged == 3);
  CHECK(reader.dropped().malformed == 0);
}

TEST_CASE("P5: the same message is taken once") {
  MessageReader reader{Signer(kKey)};
  const auto texts = texts_of(signed_parts({kHeader, "{}", "{}", "{}"}));
  CHECK(reader.read(frames_of(texts)).has_value());
  CHECK_FALSE(reader.read(frames_of(texts)));
  CHECK(reader.dropped().replayed == 1);
  MessageReader trusting{Signer("")};
  CHECK(trusting.read(frames_of(texts)).has_value());
  CHECK(trusting.read(frames_of(texts)).has_value());
}

TEST_CASE("P4: a reader remembers a bounded number of signatures") {
  MessageReader reader{Signer(kKey)};
  const auto message = [](std::size_t i) {
    return signed_parts({kHeader, "{}", "{}", "{\"n\":" + std::to_string(i) + "}"});
  };
  for (std::size_t i = 0; i <= MessageReader::kRemembered; ++i)
    REQUIRE(reader.read(message(i)).has_value());
  CHECK(reader.read(message(0)).has_value());  // it is forgotten
  CHECK_FALSE(reader.read(message(MessageReader::kRemembered)).has_value());
}

TEST_CASE("P5: signed nonsense is dropped with what was wrong") {
  MessageReader reader{Signer(kKey)};
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const std::vector<std::array<std::string, 4>> wrong{
      {"", "{}", "{}", "{}"},
      {"[]", "{}", "{}", "{}"},
      {kHeader, "null", "{}", "{}"},
      {kHeader, "{}", "7", "{}"},
      {kHeader, "{}", "{}", deep},
      {kHeader, "{}", "{}", "{\"a\":" + deep + "}"},
      {kHeader, "{}", "{}", "\xff"},
      {R"({"msg_type":"x"})", "{}", "{}", "{}"},
      {R"({"msg_id":7,"msg_type":"x"})", "{}", "{}", "{}"}};
  for (const auto& parts : wrong) {
    CHECK_FALSE(reader.read(signed_parts(parts)));
    CHECK_FALSE(reader.why().empty());
  }
  CHECK(reader.dropped().malformed == wrong.size());
}

TEST_CASE("members that are not of the type they should be count as absent") {
  const Json object{{"text", "x"}, {"flag", true}, {"number", -3}, {"large", UINT64_MAX}};
  CHECK(text_at(object, "text") == "x");
  CHECK(text_at(object, "number").empty());
  CHECK(flag_at(object, "flag", false));
  CHECK(flag_at(object, "text", true));
  CHECK(integer_at(object, "number", 1) == -3);
  CHECK(integer_at(object, "large", 1) == 1);
  CHECK(integer_at(Json::array(), "number", 1) == 1);
}

TEST_CASE("a connection file is checked member by member") {
  const Json good{{"shell_port", 1},  {"iopub_port", 2}, {"stdin_port", 3}, {"control_port", 4},
                  {"hb_port", 65535}, {"ip", "::1"},     {"key", "k"}};
  const auto file = parse_connection(good);
  CHECK(file.endpoint(file.shell_port) == "tcp://::1:1");
  CHECK(file.key == "k");
  Json ipc = good;
  ipc["transport"] = "ipc";
  ipc["ip"] = "/tmp/k";
  CHECK(parse_connection(ipc).endpoint(5) == "ipc:///tmp/k-5");
  const std::vector<std::pair<const char*, Json>> wrong{
      {"shell_port", 0}, {"iopub_port", 65536}, {"hb_port", "5"},       {"ip", ""},
      {"ip", 7},         {"transport", "udp"},  {"key", Json::array()}, {"stdin_port", nullptr}};
  for (const auto& [name, value] : wrong) {
    Json bad = good;
    bad[name] = value;
    CHECK_THROWS_WITH_AS(parse_connection(bad), doctest::Contains(name), Error);
  }
  CHECK_THROWS_AS(parse_connection(Json::array()), Error);
  CHECK_THROWS_AS(read_connection_file("/nonexistent"), Error);
}
