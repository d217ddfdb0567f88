// `oast eval` and `oast run`: values, exit codes, and nothing left behind.
#include <signal.h>

#include <chrono>

#include "cli_fixture.hpp"

using namespace oast::test;
using namespace std::chrono_literals;

namespace {

// Lua runs finalizers with its hooks off: nothing but a kill ends this.
constexpr const char* kFinalizer =
    "setmetatable({}, {__gc = function() print('running') while true do end end}) "
    "collectgarbage()";

}  // namespace

TEST_CASE("eval prints the value, and its kernel is gone when it ends") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "1 + 1"});
  CHECK(ended.code == 0);
  CHECK(ended.out == "2\n");
  CHECK(ended.err.empty());
  CHECK(nest.processes().empty());
}

TEST_CASE("values are shown as Lua would write them") {
  const Nest nest;
  CHECK(run(nest, {"eval", "'a' .. 'b'"}).out == "\"ab\"\n");
  CHECK(run(nest, {"eval", "2 / 1"}).out == "2.0\n");
  CHECK(run(nest, {"eval", "{1, 2, x = 3, [\"a b\"] = true}"}).out ==
        "{1, 2, [\"a b\"] = true, x = 3}\n");
  CHECK(run(nest, {"eval", "x = 1"}).out.empty());
  CHECK(run(nest, {"eval", "--", "-1 * 2"}).out == "-2\n");
}

TEST_CASE("what the code prints goes to stdout and stderr as it comes, before the value") {
  const Nest nest;
  Oast oast(nest, {"eval", "io.write('one') io.stderr:write('two') io.read() return 3"});
  oast.wait_for("one");
  oast.wait_for_error("two");
  oast.send("go on\n");
  const auto ended = oast.end();
  CHECK(ended.code == 0);
  CHECK(ended.out == "one\n3\n");
  CHECK(ended.err == "two");
}

TEST_CASE("an error exits 1 with message and traceback on stderr") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "local function f() error('boom') end f()"});
  CHECK(ended.code == 1);
  CHECK(ended.out.empty());
  CHECK(contains(ended.err, "eval:1: boom"));
  CHECK(contains(ended.err, "traceback"));
  CHECK(contains(ended.err, "in main chunk"));
  CHECK(nest.processes().empty());
}

TEST_CASE("a timeout exits 5 at the deadline and leaves nothing behind") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "--timeout", "1", "while true do end"});
  CHECK(ended.code == 5);
  CHECK(ended.time >= 1s);
  CHECK(ended.time < kGenerous);
  CHECK(contains(ended.err, "timeout"));
  CHECK(nest.processes().empty());
}

TEST_CASE("code that cannot be interrupted is killed soon after the deadline") {
  const Nest nest;
  // Lua sees no hook inside one long pattern match, whatever the engine does to its allocations.
  const std::string code = "return (('a'):rep(40)):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')";
  const auto ended = run(nest, {"eval", "--timeout", "0.5", code});
  CHECK(ended.code == 5);
  CHECK(ended.time < kGenerous);
  CHECK(nest.processes().empty());
}

TEST_CASE("Ctrl-C interrupts the code and exits 130") {
  const Nest nest;
  Oast oast(nest, {"eval", "print('running') while true do end"}, On::terminal);
  oast.wait_for("running");
  oast.send("\x03");
  const auto ended = oast.end();
  CHECK(ended.code == 130);
  CHECK(contains(ended.out, "interrupted"));
  CHECK(nest.processes().empty());
}

TEST_CASE("a second Ctrl-C kills what the first did not stop") {
  const Nest nest;
  Oast oast(nest, {"eval",
                   "print('running') "
                   "local function forever() while true do pcall(forever) end end "
                   "while true do pcall(forever) end"});
  oast.wait_for("running");
  oast.signal(SIGINT);
  // It may have been enough already; then the second one cuts the tidying up short.
  if (kill(oast.pid(), 0) == 0) kill(oast.pid(), SIGINT);
  CHECK(oast.end().code == 130);
  eventually([&] { return nest.processes().empty(); }, "the kernel to be gone");
}

TEST_CASE("one SIGINT is enough where nobody can be told to send another") {
  const Nest nest;
  Oast oast(nest, {"eval", kFinalizer});
  oast.wait_for("running");
  oast.signal(SIGINT);
  const auto ended = oast.end();
  CHECK(ended.code == 130);
  CHECK(contains(ended.err, "its kernel was killed"));
  CHECK(nest.processes().empty());
}

TEST_CASE("a person is told that a second Ctrl-C kills the kernel") {
  const Nest nest;
  Oast oast(nest, {"eval", kFinalizer}, On::terminal);
  oast.wait_for("running");
  oast.send("\x03");
  oast.wait_for("Ctrl-C again kills the kernel");
  oast.send("\x03");
  CHECK(oast.end().code == 130);
  CHECK(nest.processes().empty());
}

TEST_CASE("a signal ends the command also while nobody reads what it prints") {
  const Nest nest;
  nest.write("flood.lua", "while true do print(('x'):rep(1000)) end");
  const std::vector<std::pair<Words, int>> cases{
      {{"eval", "('x'):rep(1e7)"}, SIGINT},
      {{"eval", "--json", "('x'):rep(1e7)"}, SIGTERM},
      {{"run", "flood.lua"}, SIGINT},
  };
  for (const auto& [words, signal] : cases) {
    Oast oast(nest, words);
    oast.wait_for("xxx");
    oast.stop_reading();
    oast.signal(signal);
    CHECK(oast.end().code == 128 + signal);
    eventually([&] { return nest.processes().empty(); }, "the kernel to be gone");
  }
}

TEST_CASE("SIGTERM ends the command and its kernel") {
  const Nest nest;
  Oast oast(nest, {"eval", "print('running') while true do end"});
  oast.wait_for("running");
  oast.signal(SIGTERM);
  CHECK(oast.end().code == 128 + SIGTERM);
  CHECK(nest.processes().empty());
}

TEST_CASE("a SIGKILLed command leaves no kernel, nor what the kernel started") {
  const Nest nest;
  Oast oast(nest, {"eval", "os.execute('sleep 1000 &') print('running') while true do end"});
  oast.wait_for("running");
  REQUIRE(nest.processes({oast.pid()}).size() >= 2);
  oast.signal(SIGKILL);
  CHECK(oast.end().code == 128 + SIGKILL);
  eventually([&] { return nest.processes().empty(); }, "the kernel to be gone");
}

TEST_CASE("a kernel that exits is a death: exit 3, and stderr says how") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "os.exit(3)"});
  CHECK(ended.code == 3);
  CHECK(contains(ended.err, "died"));
  CHECK(contains(ended.err, "exited with code 3"));
  CHECK(nest.processes().empty());
}

TEST_CASE("kill -9 of the kernel fails the running eval and names SIGKILL") {
  const Nest nest;
  Oast oast(nest, {"eval", "print('running') while true do end"});
  oast.wait_for("running");
  const auto kernels = nest.kernels();
  REQUIRE(kernels.size() == 1);
  REQUIRE(kill(kernels.front(), SIGKILL) == 0);
  oast.wait_for_error("SIGKILL");
  CHECK(oast.end().code == 3);
  CHECK(nest.processes().empty());
}

TEST_CASE("processes that the code started end with its kernel") {
  const Nest nest;
  CHECK(run(nest, {"eval", "os.execute('sleep 1000 >/dev/null 2>&1 &')"}).code == 0);
  CHECK(nest.processes().empty());
}

TEST_CASE("kernels inherit the current directory and nothing of the environment") {
  const Nest nest;
  const auto where = run(nest, {"eval", "io.popen('pwd'):read()"});
  CHECK(where.out == "\"" + nest.path().string() + "\"\n");
  CHECK(run(nest, {"eval", "os.getenv('XDG_STATE_HOME')"}).out.empty());
}

TEST_CASE("--json prints one object with value, text, outputs, kernel and duration") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "--json",
                                "io.write('a') io.write('b') io.stderr:write('c') "
                                "return {1, 2.5, {x = '\\xff'}, 1/0, {[1] = true, y = false}}"});
  CHECK(ended.code == 0);
  CHECK(ended.err.empty());
  const Json json = Json::parse(ended.out);
  CHECK(json.at("status") == "ok");
  CHECK(json.at("value") ==
        Json::parse(R"([1, 2.5, {"x": {"bytes_base64": "/w=="}}, {"float": "inf"},
                        {"map": [[1, true], ["y", false]]}])"));
  CHECK(json.at("text") == "{1, 2.5, {x = \"\\xFF\"}, math.huge, {true, y = false}}");
  std::string text_out;
  for (const Json& output : json.at("outputs")) {
    if (output.at("stream") == "out") text_out += output.at("text");
  }
  CHECK(text_out == "ab");
  CHECK(json.at("kernel").is_string());
  CHECK(json.at("duration_ms").get<double>() > 0);
}

TEST_CASE("--json of an error has kind, message and traceback, and the same exit code") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "--json", "error('boom')"});
  CHECK(ended.code == 1);
  const Json json = Json::parse(ended.out);
  CHECK(json.at("status") == "error");
  CHECK(json.at("kind") == "remote_exception");
  CHECK(json.at("message") == "eval:1: boom");
  CHECK(json.at("traceback").size() >= 1);
  CHECK_FALSE(json.contains("cause"));
}

TEST_CASE("--json of a death says its cause") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "--json", "os.exit(3)"});
  CHECK(ended.code == 3);
  const Json json = Json::parse(ended.out);
  CHECK(json.at("kind") == "kernel_died");
  CHECK(json.at("cause").at("cause") == "exited");
  CHECK(json.at("cause").at("exit_code") == 3);
}

TEST_CASE("--json of a timeout is of that kind") {
  const Nest nest;
  const auto ended = run(nest, {"eval", "--json", "--timeout", "0.3", "while true do end"});
  CHECK(ended.code == 5);
  CHECK(Json::parse(ended.out).at("kind") == "timeout");
}

TEST_CASE("--json speaks also when there is no broker and no such spec") {
  const Nest nest;
  const auto homeless = run(nest, {"eval", "--json", "-b", "nowhere", "1"});
  CHECK(homeless.code == 4);
  CHECK(Json::parse(homeless.out).at("status") == "error");
  const auto unknown = run(nest, {"eval", "--json", "-k", "cobol", "1"});
  CHECK(unknown.code == 2);
  CHECK(Json::parse(unknown.out).at("kind") == "not_found");
}

TEST_CASE("--json of a timeout that needed a kill says so as the cause of death") {
  const Nest nest;
  Json json = Json::object();
  // However long it takes until the code runs.
  for (double timeout = 0.3; json.value("outputs", Json::array()).empty(); timeout *= 2) {
    REQUIRE(timeout < kGenerous.count());
    const auto ended =
        run(nest, {"eval", "--json", "--timeout", std::to_string(timeout), kFinalizer});
    CHECK(ended.code == 5);
    json = Json::parse(ended.out);
  }
  CHECK(json.at("kind") == "timeout");
  CHECK(json.at("cause").at("cause") == "stopped");
  CHECK(contains(json.at("cause").at("explanation"), "did not stop when it was interrupted"));
}

TEST_CASE("a reader that leaves ends the command quietly, and its kernel") {
  const Nest nest;
  Oast oast(nest, {"eval", "while true do print('on and on') end"});
  oast.wait_for("on and on");
  oast.leave();
  const auto ended = oast.end();
  CHECK(ended.code == 141);
  CHECK(ended.err.empty());
  CHECK(nest.processes().empty());
}

TEST_CASE("a deadline counts also while nobody reads the output") {
  const Nest nest;
  Oast oast(nest, {"eval", "--timeout", "1", "while true do print(('x'):rep(1000)) end"});
  oast.stop_reading();  // the pipe is full long before the deadline
  const auto ended = oast.end();
  CHECK(ended.code == 5);
  CHECK(nest.processes().empty());
}

TEST_CASE("run gives the program its name and arguments, and names its lines") {
  const Nest nest;
  nest.write("p.lua", "#!/usr/bin/env oast run\nprint(arg[0], #arg, arg[1], ...)\nerror('here')\n");
  const auto ended = run(nest, {"run", "p.lua", "--one", "[1,2]", "-b", "x"});
  CHECK(ended.code == 1);
  CHECK(ended.out == "p.lua\t4\t--one\t--one\t[1,2]\t-b\tx\n");
  CHECK(contains(ended.err, "p.lua:3: here"));
  CHECK(nest.processes().empty());
}

TEST_CASE("the program's io.read reads our stdin line by line to its end") {
  const Nest nest;
  nest.write("sum.lua",
             "local n = 0 for line in io.lines() do n = n + tonumber(line) end print(n)");
  const auto ended = run(nest, {"run", "sum.lua"}, "1\n2\n39");
  CHECK(ended.code == 0);
  CHECK(ended.out == "42\n");
}

TEST_CASE("a program reads our stdin byte for byte") {
  const Nest nest;
  nest.write("copy.lua", "io.write(io.read('a'))");
  std::string bytes = "abc\r\n\n";
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * 7);
  for (const std::string& input : {std::string("abc"), bytes}) {
    const auto ended = run(nest, {"run", "copy.lua"}, input);
    CHECK(ended.code == 0);
    CHECK(ended.out == input);
  }
}

TEST_CASE("run - takes the program from stdin") {
  const Nest nest;
  const auto ended = run(nest, {"run", "-", "a"}, "print(arg[0], ...)\nerror('x')\n");
  CHECK(ended.code == 1);
  CHECK(ended.out == "-\ta\n");
  CHECK(contains(ended.err, "stdin:2: x"));
}
