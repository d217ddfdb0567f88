// What the Jupyter bridge is made of.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "display_content.hpp"
#include "failure_content.hpp"
#include "history_store.hpp"
#include "replay_buffer.hpp"
#include "scratch_directory.hpp"
#include "utf8_text.hpp"

using namespace oast;
using namespace oast::jupyter;
using test::ScratchDirectory;

namespace {

std::vector<std::string> inputs(const std::vector<HistoryStore::Entry>& entries) {
  std::vector<std::string> result;
  for (const auto& entry : entries) result.push_back(entry.input);
  return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("positions count code points, and back") {
  const std::string text = "aä€😀b";
  const std::vector<std::size_t> offsets{0, 1, 3, 6, 10, 11};
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    CHECK(byte_offset(text, i) == offsets[i]);
    CHECK(code_points(text, offsets[i]) == i);
  }
  CHECK(byte_offset(text, 1000) == text.size());
  CHECK(code_points(text, 1000) == 5);
  CHECK(byte_offset("", 3) == 0);
}

TEST_CASE("a character comes when all of it has come, and what is none at once") {
  const std::string text = "aä€😀b";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Stream stream;
    std::string all = stream.add(text.substr(0, cut));
    CHECK(code_points(text, all.size()) == code_points(all, all.size()));
    all += stream.add(text.substr(cut));
    CHECK(all == text);
    CHECK(stream.finish().empty());
  }
  Utf8Stream bytes;
  CHECK(bytes.add("\xff\x80x") == "\xff\x80x");
  CHECK(bytes.add("\xe2\x82").empty());
  CHECK(bytes.finish() == "\xe2\x82");
}

TEST_CASE("a display's text stays text, JSON becomes JSON and bytes base64") {
  Output display{.stream = Output::Stream::display};
  display.parts = {{"text/plain", Value("x")},
                   {"application/json", Value(R"({"a":[1]})")},
                   {"application/x+json", Value("no JSON")},
                   {"image/png", Value(Buffer::copy_of(std::string_view("\0\1\2\3", 4)))}};
  display.display_id = "d";
  const Json content = display_content(display);
  CHECK(content["data"]["text/plain"] == "x");
  CHECK(content["data"]["application/json"]["a"][0] == 1);
  CHECK(content["data"]["application/x+json"] == "no JSON");
  CHECK(content["data"]["image/png"] == "AAECAw==");
  CHECK(content["transient"]["display_id"] == "d");
  CHECK(content["metadata"] == Json::object());
}

TEST_CASE("P9: a death is shown with its cause and the last words") {
  Failure failure;
  failure.kind = FailureKind::kernel_died;
  failure.message = "killed by SIGSEGV";
  failure.death.stderr_tail = "first\nlast\n";
  const Json content = error_content(failure);
  CHECK(content["ename"] == "KernelDied");
  CHECK(content["evalue"] == "killed by SIGSEGV");
  CHECK(content["traceback"].size() == 4);
  CHECK(content["traceback"].back() == "last");
  const Json bare = error_content(Failure{.kind = FailureKind::timeout,
                                          .message = "too late",
                                          .type = {},
                                          .traceback = {},
                                          .death = {}});
  CHECK(bare["ename"] == "timeout");
  CHECK(bare["traceback"] == Json::array({"timeout: too late"}));
}

TEST_CASE("a traceback says what was wrong") {
  Failure failure;
  failure.message = "eval:1: boom";
  failure.traceback = {"eval:1: in main chunk"};
  CHECK(error_content(failure)["traceback"] ==
        Json::array({"error: eval:1: boom", "eval:1: in main chunk"}));
  failure.type = "ValueError";
  failure.traceback = {"somewhere", "ValueError: eval:1: boom"};
  CHECK(error_content(failure)["traceback"].size() == 2);
  failure.type = failure.message = "KeyboardInterrupt";
  CHECK(error_content(failure)["evalue"] == "");
}

TEST_CASE("history outlives its session, and each language has its own") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "deep" / "history.sqlite";
  {
    HistoryStore first(path, "lua");
    first.add(1, "x = 1", "");
    first.add(2, "x", "1");
    HistoryStore other(path, "python");
    other.add(1, "import os", "");
  }
  HistoryStore second(path, "lua");
  second.add(1, "x", "");
  second.add(2, "y = 'it''s'; \"\xE2\x82\xAC\"", "");
  CHECK(inputs(second.tail(2)) == Texts{"x", "y = 'it''s'; \"\xE2\x82\xAC\""});
  CHECK(second.tail(-1).size() == 4);
  CHECK(second.tail(0).empty());
  CHECK(inputs(second.range(0, 1, 2)) == Texts{"x"});
  CHECK(inputs(second.range(-1, 1, -1)) == Texts{"x = 1", "x"});
  CHECK(second.range(-1, 2, 3).front().output == "1");
  CHECK(second.range(-2, 1, -1).empty());
  CHECK(second.range(99, 1, -1).empty());
  CHECK(inputs(second.search("x*", -1, false)) == Texts{"x = 1", "x", "x"});
  CHECK(inputs(second.search("x*", -1, true)) == Texts{"x = 1", "x"});
  CHECK(inputs(second.search("x*", 1, false)) == Texts{"x"});
  CHECK(second.search("[", -1, false).empty());
}

TEST_CASE("history that cannot be kept on disk is kept in memory") {
  HistoryStore store("/proc/no/history.sqlite", "lua");
  store.add(1, "x", "");
  CHECK(inputs(store.tail(5)) == Texts{"x"});
}

namespace {

Publication stream(const Json& parent, const char* name, const std::string& text) {
  return {parent, "stream", {{"name", name}, {"text", text}}, Json::object()};
}

}  // namespace

TEST_CASE("a replay has what one cell published, and joins its streams") {
  const Json cell{{"msg_id", "1"}};
  ReplayBuffer buffer;
  CHECK_FALSE(buffer.keeps(Json::object()));
  buffer.begin(cell);
  CHECK(buffer.keeps(cell));
  CHECK_FALSE(buffer.keeps({{"msg_id", "2"}}));
  buffer.add(stream(cell, "stdout", "a"));
  buffer.add(stream(cell, "stdout", "b"));
  buffer.add(stream(cell, "stderr", "c"));
  const auto replayed = buffer.replayed();
  REQUIRE(replayed.size() == 2);
  CHECK(replayed[0].content["text"] == "ab");
  CHECK(replayed[1].content["name"] == "stderr");
  CHECK(replayed[1].metadata["oast"]["replayed"] == true);
  buffer.begin(Json::object());
  CHECK(buffer.replayed().empty());
}

TEST_CASE("P4: a replay is bounded, and says how much is gone") {
  const Json cell{{"msg_id", "1"}};
  ReplayBuffer buffer;
  buffer.begin(cell);
  const std::string text(10'000, 'x');
  constexpr std::size_t kTimes = 1000;
  for (std::size_t i = 0; i < kTimes; ++i) buffer.add(stream(cell, "stdout", text));
  auto replayed = buffer.replayed();
  const std::string gap = text_at(replayed.front().content, "text");
  CHECK(text_at(replayed.front().content, "name") == "stderr");
  replayed.pop_front();
  std::size_t kept = 0;
  for (const auto& publication : replayed) kept += text_at(publication.content, "text").size();
  CHECK(kept <= ReplayBuffer::kMostBytes);
  CHECK(kept > ReplayBuffer::kMostBytes / 2);
  CHECK(gap.find(std::to_string(kTimes * text.size() - kept)) != std::string::npos);
  CHECK(replayed.size() < 256);
}
