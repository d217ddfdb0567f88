// oast --session: commands that go on with what earlier ones began.
#include <csignal>

#include "cli_fixture.hpp"

using namespace oast::test;

namespace {

Words in_session(const std::string& name, Words words) {
  words.insert(words.begin(), {"--session", name});
  return words;
}

std::string numbers(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a kernel stays from command to command, and ends with the session") {
  const Nest nest;
  const RunningBroker broker(nest);
  CHECK(run(nest, in_session("notes", {"start", "--name", "work"})).out == "work\n");
  CHECK(run(nest, in_session("notes", {"eval", "--to", "work", "x = 41"})).code == 0);
  CHECK(run(nest, in_session("notes", {"eval", "--to", "work", "x + 1"})).out == "42\n");
  CHECK(run(nest, in_session("notes", {"eval", "1 + 1"})).out == "2\n");  // in one of its own
  CHECK(run(nest, {"ps"}).out.find("dead") != std::string::npos);         // which has ended
  CHECK(nest.kernels().size() == 1);
  CHECK(run(nest, {"end-session", "notes"}).code == 0);
  eventually([&] { return nest.kernels().empty(); }, "its kernel has ended");
  CHECK(run(nest, {"end-session", "notes"}).code == 2);
}

TEST_CASE("what was printed while the command was gone is printed by the next") {
  const Nest nest;
  const RunningBroker broker(nest);
  const auto go = (nest.path() / "go").string();
  REQUIRE(run(nest, in_session("s", {"start", "--name", "work"})).code == 0);
  {
    Oast first(nest, in_session("s", {"eval", "--to", "work",
                                      "print('on') repeat local f = io.open('" + go +
                                          "') until f for i = 1, 500 do print(i) end"}));
    first.wait_for("on\n");
  }  // killed
  nest.write("go", "");
  const auto next = run(nest, in_session("s", {"eval", "--to", "work", "'again'"}));
  CHECK(next.code == 0);
  CHECK(next.out.find(numbers(1, 500)) != std::string::npos);
  CHECK(next.out.find("\"again\"\n") != std::string::npos);
}

TEST_CASE("in a session a request is waited for by its number alone") {
  const Nest nest;
  const RunningBroker broker(nest);
  REQUIRE(run(nest, in_session("s", {"start", "--name", "work"})).code == 0);
  const auto label = run(nest, in_session("s", {"eval", "--to", "work", "--no-wait", "6 * 7"})).out;
  const auto number = label.substr(label.find(':') + 1, label.size() - label.find(':') - 2);
  CHECK(run(nest, in_session("s", {"wait", "work", number})).out == "42\n");
  CHECK(run(nest, {"wait", "work", number}).code == 2);  // whose would it be?
}

TEST_CASE("nonsense about sessions is refused with what would be right") {
  const Nest nest;
  CHECK(run(nest, in_session("s", {"eval", "1"})).code == 4);  // no daemon that could keep it
  const RunningBroker broker(nest);
  const auto name = run(nest, in_session("a/b", {"ps"}));
  CHECK(name.code == 2);
  CHECK(name.err.find("letters, digits") != std::string::npos);
  CHECK(run(nest, {"--session-timeout", "5", "ps"}).code == 2);
  CHECK(run(nest, {"--session", "s", "--session-timeout", "soon", "ps"}).code == 2);
  CHECK(run(nest, {"--session", "", "ps"}).code == 2);
  CHECK(run(nest, {"end-session"}).code == 2);
}
