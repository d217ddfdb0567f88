// Interrupting Lua code: by a signal to the engine's thread, as the runtime does it.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lua_fixture.hpp"
#include "scratch_directory.hpp"

using oast::Value;
using oast::kernel::Interrupted;
using oast::test::InterruptibleLua;

namespace {

/// spin() never returns, and says "go" once it is surely in its loop: the interrupt then finds it
/// there, inside whatever called it.
constexpr const char* kSpin =
    "function spin() local n = 0 while true do n = n + 1 "
    "if n == 10000 then print('go') end end end";

/// Runs the code until it has said "go", interrupts it, and checks that it ends as interrupted and
/// that the next request works.
void check_interrupted(InterruptibleLua& lua, const std::string& code) {
  CAPTURE(code);
  lua.eval(kSpin);
  lua.services.outputs.clear();
  auto running = lua.start(code);
  REQUIRE(lua.services.wait_until([&] { return !lua.services.outputs.empty(); }));
  lua.interrupt(running);
  CHECK_THROWS_AS(running.get(), Interrupted);
  lua.services.set_interrupted(false);
  CHECK(lua.eval("1 + 1") == Value(2));
}

/// The number that somebody writes into the file.
int wait_for_number(const std::string& file) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int number = 0; std::chrono::steady_clock::now() < deadline; std::this_thread::yield()) {
    if (std::ifstream(file) >> number) return number;
  }
  FAIL("nothing was written");
  return 0;
}

}  // namespace

TEST_CASE("P10: endless loops end when interrupted") {
  InterruptibleLua lua;
  check_interrupted(lua, "print('go') while true do end");
  check_interrupted(lua, "print('go') repeat until false");
  check_interrupted(lua, "print('go') ::again:: goto again");
  check_interrupted(lua, "print('go') for i = 1, math.huge do end");
  check_interrupted(lua, "local function f() return f() end print('go') f()");
  check_interrupted(lua, "print('go') while true do print('more') end");
}

TEST_CASE("P10: a deep recursion ends when interrupted, whether it overflows or not") {
  InterruptibleLua lua;
  check_interrupted(lua,
                    "print('go') while true do "
                    "pcall(function() local function f() return 1 + f() end f() end) end");
  check_interrupted(lua,
                    "local function f(n) if n == 0 then spin() end return 1 + f(n - 1) end "
                    "f(150000)");
}

TEST_CASE("P10: library functions that call back end when interrupted") {
  InterruptibleLua lua;
  check_interrupted(lua, "('x'):gsub('x', spin)");
  check_interrupted(lua, "table.sort({3, 2, 1}, spin)");
  check_interrupted(lua,
                    "local t = {} for i = 1, 10000 do t[i] = i end print('go') "
                    "while true do table.sort(t, function(a, b) return a > b end) end");
  check_interrupted(lua, "print('go') while true do ('x'):rep(1000):find('y') end");
  check_interrupted(lua, "print('go') load(function() return ' ' end)");
  check_interrupted(lua, "return setmetatable({}, {__index = spin}).x");
  check_interrupted(lua, "tostring(setmetatable({}, {__tostring = spin}))");
  check_interrupted(lua, "print(setmetatable({}, {__tostring = spin}))");
}

TEST_CASE("P10: coroutines end when interrupted, however they are run and nested") {
  InterruptibleLua lua;
  check_interrupted(lua, "coroutine.resume(coroutine.create(spin)) while true do end");
  check_interrupted(lua, "coroutine.wrap(spin)()");
  check_interrupted(lua,
                    "for x in coroutine.wrap(function() local i = 0 while true do i = i + 1 "
                    "if i == 1000 then print('go') end coroutine.yield(i) end end) do end");
  check_interrupted(lua,
                    "local function nest(n) if n == 0 then spin() end "
                    "coroutine.resume(coroutine.create(nest), n - 1) while true do end end "
                    "nest(50)");
  check_interrupted(lua,
                    "print('go') while true do local co = coroutine.create(function() "
                    "while true do pcall(coroutine.yield) end end) "
                    "for i = 1, 10 do coroutine.resume(co) end end");
  check_interrupted(lua,
                    "local co = coroutine.create(function() local x <close> = setmetatable({}, "
                    "{__close = spin}) coroutine.yield() end) coroutine.resume(co) "
                    "coroutine.close(co) while true do end");
}

TEST_CASE("P10: code that catches everything cannot keep an interrupt") {
  InterruptibleLua lua;
  check_interrupted(lua, "while true do pcall(spin) end");
  check_interrupted(lua, "while true do pcall(pcall, pcall, spin) end");
  check_interrupted(lua, "while true do xpcall(spin, function() while true do end end) end");
  check_interrupted(lua, "while true do xpcall(spin, debug.traceback) end");
  check_interrupted(lua, "xpcall(error, spin)");
  check_interrupted(lua, "xpcall(spin, debug.sethook) while true do end");
  check_interrupted(lua,
                    "while true do pcall(function() local x <close> = setmetatable({}, "
                    "{__close = function() while true do end end}) spin() end) end");
  check_interrupted(lua, "error(setmetatable({}, {__tostring = spin}))");
  check_interrupted(lua, "while true do pcall(coroutine.wrap(spin)) end");
  check_interrupted(lua,
                    "while true do pcall(coroutine.wrap(function() pcall(spin) "
                    "while true do pcall(coroutine.yield) end end)) end");
  check_interrupted(lua,
                    "setmetatable({}, {__gc = function() print('go') for i = 1, 1e6 do end end}) "
                    "collectgarbage() while true do end");
}

TEST_CASE("P10: what waits for a host, a file or a channel ends when interrupted") {
  InterruptibleLua lua;
  lua.services.wait_for_input = true;
  check_interrupted(lua, "print('go') io.read()");
  check_interrupted(lua, "print('go') while true do pcall(io.read, 'a') end");
  check_interrupted(lua, "print('go') for line in io.lines() do end");
  check_interrupted(lua, "print('go') oast.channel():take()");
  check_interrupted(lua,
                    "local c = oast.channel(1) c:put(1) print('go') while true do "
                    "pcall(c.put, c, 2) end");
}

TEST_CASE("P10: a read from a silent child process ends when interrupted") {
  InterruptibleLua lua;
  check_interrupted(lua, "p = io.popen('echo $$; exec sleep 100') print(p:read()) return p:read()");
  kill(std::stoi(lua.services.text()), SIGKILL);  // it would be waited for
  CHECK(lua.eval("(select(2, p:close()))") == Value("signal"));
}

TEST_CASE("P10: a sleeping child process ends when interrupted with its group") {
  InterruptibleLua lua;
  const oast::test::ScratchDirectory folder;
  auto running = lua.start("os.execute('echo $$ > " + folder.file("pid") +
                           "; exec sleep 100') while true do end");
  const int child = wait_for_number(folder.file("pid"));
  kill(child, SIGINT);  // the runtime signals all processes of the kernel
  lua.interrupt(running);
  CHECK_THROWS_AS(running.get(), Interrupted);
  lua.services.set_interrupted(false);
  CHECK(lua.eval("1 + 1") == Value(2));
}

TEST_CASE("P10: a call ends when interrupted though it never comes back to Lua code") {
  InterruptibleLua lua;
  lua.services.wait_for_input = true;
  check_interrupted(lua, "print('go') return io.read()");
}

TEST_CASE("P10: a thousand interrupts in a row, and every request after one works") {
  InterruptibleLua lua;
  const std::vector<std::string> codes = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "for x in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
      "local function f() return 1 + f() end while true do pcall(f) end",
      "while true do ('x'):rep(100):gsub('.', function(c) return c end) end",
  };
  for (int i = 0; i < 1000; ++i) {
    auto running = lua.start(codes[static_cast<std::size_t>(i) % codes.size()]);
    lua.interrupt(running);
    CHECK_THROWS_AS(running.get(), Interrupted);
    lua.services.set_interrupted(false);
    REQUIRE(lua.eval(std::to_string(i) + " + 1") == Value(i + 1));
  }
}

TEST_CASE("P10: an interrupt finds the code wherever it is") {
  // In the middle of a request, on its thread, as the signal handler does it.
  oast::test::Lua lua;
  lua.services.on_output = [&](std::string_view) {
    lua.services.set_interrupted(true);
    lua.engine->interrupt();
  };
  for (const std::string code :
       {"print()", "pcall(print)", "pcall(print) while true do end", "coroutine.wrap(print)()",
        "coroutine.resume(coroutine.create(print)) while true do end",
        "setmetatable({}, {__gc = print}) collectgarbage() while true do end",
        "local x <close> = setmetatable({}, {__close = print})",
        "coroutine.wrap(function() coroutine.yield(print()) end)() while true do end",
        "xpcall(error, print)", "error(setmetatable({}, {__tostring = function() print() end}))",
        "return print()"}) {
    CAPTURE(code);
    CHECK_THROWS_AS(lua.eval(code), Interrupted);
    lua.services.set_interrupted(false);
    CHECK(lua.eval("1 + 1") == Value(2));
  }
}

TEST_CASE("P10: a hook that outlived its request does no harm") {
  oast::test::Lua lua;
  const Value before = lua.eval("debug.gethook()");
  lua.services.on_output = [&](std::string_view) {
    lua.services.set_interrupted(true);
    lua.engine->interrupt();
    lua.services.set_interrupted(false);
  };
  CHECK(lua.eval("print() local n = 0 for i = 1, 1000 do n = n + i end return n") == Value(500500));
  lua.eval("co = coroutine.wrap(function() while true do print() coroutine.yield(1) end end)");
  CHECK(lua.eval("co() return co()") == Value(1));
  CHECK(lua.eval("co() return co()") == Value(1));
  CHECK(lua.eval("debug.gethook()") == before);
}

TEST_CASE("P10: an interrupt that comes too late does not hit the next request") {
  InterruptibleLua lua;
  for (int i = 0; i < 200; ++i) {
    auto quick = lua.start("local n = 0 for i = 1, 1000 do n = n + i end return n");
    lua.interrupt(quick);  // before, while or after it runs
    std::optional<Value> value;
    try {
      value = quick.get();
    } catch (const Interrupted&) {
      // as good
    }
    if (value) CHECK(*value == Value(500500));
    lua.services.set_interrupted(false);
    REQUIRE(lua.eval("coroutine.wrap(function() local n = 0 for i = 1, 1000 do n = n + i end "
                     "return n end)()") == Value(500500));
  }
}

TEST_CASE("P10: a request that is interrupted before it begins does not run") {
  InterruptibleLua lua;
  lua.services.set_interrupted(true);
  CHECK_THROWS_AS(lua.eval("x = 1"), Interrupted);
  lua.services.set_interrupted(false);
  CHECK(lua.eval("x") == Value());
}

TEST_CASE("Converting a large table ends when interrupted") {
  InterruptibleLua lua;
  lua.eval(
      "t = {} for i = 1, 100000 do t[i] = 'x' .. i end "
      "many = {} for i = 1, 500 do many[i] = t end");
  check_interrupted(lua, "print('go') return many");
}

TEST_CASE("A hook of the code's own is back after an interrupt") {
  InterruptibleLua lua;
  lua.eval("count = 0 debug.sethook(function() count = count + 1 end, '', 1000)");
  check_interrupted(lua, "print('go') while true do end");
  CHECK(lua.eval("local before = count for i = 1, 100000 do end return count > before") ==
        Value(true));
  lua.eval("debug.sethook()");
  CHECK(lua.eval("debug.gethook()") == Value());
}

TEST_CASE("Coroutines that slept through an interrupt go on") {
  InterruptibleLua lua;
  lua.eval(
      "sleeper = coroutine.wrap(function() local i = 0 while true do i = i + 1 "
      "coroutine.yield(i) end end) sleeper()");
  check_interrupted(lua, "print('go') while true do end");
  CHECK(lua.eval("sleeper()") == Value(2));
  check_interrupted(lua, "print('go') while true do sleeper() end");
  CHECK(lua.eval("1") == Value(1));
}
