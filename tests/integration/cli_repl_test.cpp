// `oast repl` as a person types at it, and on a pipe.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "cli_fixture.hpp"

using namespace oast::test;

namespace {

constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlD = "\x04";
constexpr const char* kUp = "\x1b[A";

// A repl that has shown its first prompt.
class Conversation : public Oast {
 public:
  explicit Conversation(const Nest& nest, Words arguments = {"repl"})
      : Oast(nest, std::move(arguments), On::terminal) {
    wait_for("lua> ");
  }
  // Types a line, waits for the answer and the next prompt.
  void ask(const std::string& line, const std::string& answer) {
    send(line + "\n");
    wait_for("\r\n" + answer);
    wait_for("lua> ");
  }
};

}  // namespace

TEST_CASE("the repl shows values, keeps state, and ends with Ctrl-D") {
  const Nest nest;
  Conversation repl(nest);
  repl.ask("x = 20", "");
  repl.ask("x * 2 + 2", "42\r\n");
  repl.send(kCtrlD);
  CHECK(repl.end().code == 0);
  CHECK(nest.processes().empty());
}

TEST_CASE("code goes on over lines until it is complete") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("for i = 1, 2 do\n");
  repl.wait_for("...> ");
  repl.send("print('n', i)\n");
  repl.wait_for("...> ");
  repl.send("end\n");
  repl.wait_for("n\t1");
  repl.wait_for("n\t2");
  repl.wait_for("lua> ");
}

TEST_CASE("an error does not end the repl") {
  const Nest nest;
  Conversation repl(nest);
  repl.ask("error('boom')", "");
  repl.ask("1", "1\r\n");
}

TEST_CASE("Ctrl-C interrupts the running code and not the repl") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("x = 7 print('running') while true do end\n");
  repl.wait_for("\r\nrunning");
  repl.send(kCtrlC);
  repl.wait_for("interrupted");
  repl.wait_for("lua> ");
  repl.ask("x", "7\r\n");
}

TEST_CASE("Ctrl-C while a long value is printed goes back to the prompt") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("x = 7 return ('y'):rep(4e7)\n");
  repl.wait_for("yyy");
  repl.send(kCtrlC);
  repl.wait_for("lua> ");
  repl.ask("x", "7\r\n");
}

TEST_CASE("a signal ends a piped repl also while nobody reads what it prints") {
  const Nest nest;
  for (const int signal : {SIGINT, SIGTERM}) {
    Oast repl(nest, {"repl"});
    repl.send("('y'):rep(1e7)\n");
    repl.wait_for("yyy");
    repl.stop_reading();
    repl.signal(signal);
    CHECK(repl.end().code == 128 + signal);
    eventually([&] { return nest.processes().empty(); }, "the kernel to be gone");
  }
}

TEST_CASE("SIGINT ends a piped repl, not only the piece that runs") {
  const Nest nest;
  Oast repl(nest, {"repl"});
  repl.send("print('running') while true do end\nprint('never')\n");
  repl.wait_for("running");
  repl.signal(SIGINT);
  const auto ended = repl.end();
  CHECK(ended.code == 130);
  CHECK(ended.out == "running\n");
}

TEST_CASE("Ctrl-C at the prompt clears the line") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("x = 'unfinished");
  repl.wait_for("unfinished");
  repl.send(kCtrlC);
  repl.wait_for("^C");
  repl.wait_for("lua> ");
  repl.ask("x == nil", "true\r\n");
}

TEST_CASE("Tab completes, also what was defined before") {
  const Nest nest;
  Conversation repl(nest);
  repl.ask("a_rather_long_name = 5", "");
  repl.send("a_rather\t");
  repl.wait_for("_long_name");  // the terminal may be told to skip what it shows already
  repl.send("\n");
  repl.wait_for("5\r\n");
  repl.wait_for("lua> ");
  repl.send("string.re\t");
  repl.wait_for("rep ");
  repl.wait_for("reverse");
}

TEST_CASE("?name explains a name") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("?string.format\n");
  repl.wait_for("function");
  repl.wait_for("lua> ");
}

TEST_CASE("output streams while the code runs, and io.read reads from the person") {
  const Nest nest;
  Conversation repl(nest);
  repl.send("io.write('your name? ') print('hello ' .. io.read() .. '!')\n");
  repl.wait_for("\r\nyour name? ");
  repl.send("Ada\n");
  repl.wait_for("hello Ada!");
  repl.wait_for("lua> ");
}

TEST_CASE("a kernel that dies is explained, and another takes its place") {
  const Nest nest;
  Conversation repl(nest);
  repl.ask("x = 1", "");
  repl.send("os.exit(7)\n");
  repl.wait_for("exited with code 7");
  repl.wait_for("state is lost");
  repl.wait_for("lua> ");
  repl.ask("x == nil", "true\r\n");
  repl.send(kCtrlD);
  CHECK(repl.end().code == 0);
  CHECK(nest.processes().empty());
}

TEST_CASE("a kernel that dies between two lines is explained at the next") {
  const Nest nest;
  Conversation repl(nest);
  const auto kernels = nest.kernels();
  REQUIRE(kernels.size() == 1);
  REQUIRE(kill(kernels.front(), SIGKILL) == 0);
  eventually([&] { return nest.kernels().empty(); }, "the kernel to be gone");
  repl.send("1 + 1\n");
  repl.wait_for("SIGKILL");
  repl.wait_for("state is lost");
  repl.wait_for("lua> ");
  repl.ask("1 + 1", "2\r\n");
}

TEST_CASE("the history outlives the repl and is private") {
  const Nest nest;
  {
    Conversation repl(nest);
    repl.ask("'remember' .. ' me'", "\"remember me\"");
    repl.send(kCtrlD);
    CHECK(repl.end().code == 0);
  }
  struct stat status {};
  REQUIRE(stat((nest.path() / "state/oast/history").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  Conversation repl(nest);
  repl.send(kUp);
  repl.wait_for("'remember' .. ' me'");
  repl.send("\n");
  repl.wait_for("\"remember me\"");
}

TEST_CASE("a repl in somebody else's kernel leaves it alone") {
  const Nest nest;
  const RunningBroker broker(nest);
  REQUIRE(run(nest, {"start", "--detach", "--name", "work"}).code == 0);
  {
    Conversation repl(nest, {"repl", "--to", "work"});
    repl.ask("x = 42", "");
    repl.send(kCtrlD);
    CHECK(repl.end().code == 0);
  }
  CHECK(run(nest, {"eval", "--to", "work", "x"}).out == "42\n");
}

TEST_CASE("on a pipe the repl prints no prompts and exits with the first failure's code") {
  const Nest nest;
  const auto fine = run(nest, {"repl"}, "x = 1\nfor i = 1, 2 do\n  x = x + i\nend\nx\n");
  CHECK(fine.code == 0);
  CHECK(fine.out == "4\n");
  CHECK(fine.err.empty());
  const auto failed = run(nest, {"repl"}, "error('boom')\n1 + 1\n");
  CHECK(failed.code == 1);
  CHECK(failed.out == "2\n");
  CHECK(contains(failed.err, "boom"));
  const auto unfinished = run(nest, {"repl"}, "for i = 1, 2 do\n");
  CHECK(unfinished.code == 1);
  CHECK(nest.processes().empty());
}

TEST_CASE("on a pipe io.read takes the lines after the code") {
  const Nest nest;
  CHECK(run(nest, {"repl"}, "print('[' .. io.read() .. ']')\na line\n1\n").out == "[a line]\n1\n");
}

TEST_CASE("a hangup ends the repl and its kernel") {
  const Nest nest;
  Conversation repl(nest);
  repl.signal(SIGHUP);
  CHECK(repl.end().code == 128 + SIGHUP);
  CHECK(nest.processes().empty());
}
