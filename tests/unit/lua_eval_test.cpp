// Evaluation and calls in the Lua engine.
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "lua_fixture.hpp"

using oast::Failure;
using oast::FailureKind;
using oast::Value;
using oast::test::Lua;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Lets the process have so much more memory than it has now.
class LimitedMemory {
 public:
  explicit LimitedMemory(rlim_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + bytes;
    setrlimit(RLIMIT_AS, &limit);
  }
  ~LimitedMemory() { setrlimit(RLIMIT_AS, &before_); }
  LimitedMemory(const LimitedMemory&) = delete;
  LimitedMemory& operator=(const LimitedMemory&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("An expression gives its value") {
  Lua lua;
  CHECK(lua.eval("1 + 1") == Value(2));
  CHECK(lua.eval("1 / 2") == Value(0.5));
  CHECK(lua.eval("'a' .. 'b' -- with a comment") == Value("ab"));
  CHECK(lua.eval("1 == 1") == Value(true));
  CHECK(lua.eval("nothing") == Value());
}

TEST_CASE("Several values are a list, and none is nil") {
  Lua lua;
  CHECK(lua.eval("1, 'two', nil") == Value(Value::List{1, "two", nullptr}));
  CHECK(lua.eval("return 1, 2") == Value(Value::List{1, 2}));
  CHECK(lua.eval("") == Value());
  CHECK(lua.eval("-- only a comment") == Value());
  CHECK(lua.eval("local x = 1") == Value());
}

TEST_CASE("State lives from one request to the next") {
  Lua lua;
  lua.eval("x = 20");
  lua.eval("function double(n) return 2 * n end");
  CHECK(lua.eval("double(x) + 2") == Value(42));
}

TEST_CASE("Arguments are the chunk's '...'") {
  Lua lua;
  CHECK(lua.eval("...", {1, "b"}) == Value(Value::List{1, "b"}));
  CHECK(lua.eval("local a, b = ...; return b - a", {1, 3}) == Value(2));
  CHECK(lua.eval("select('#', ...)", {nullptr, nullptr}) == Value(2));
}

TEST_CASE("The same code again starts afresh") {
  Lua lua;
  lua.eval("x = 0");
  for (int i = 1; i <= 3; ++i) CHECK(lua.eval("x = x + 1; return x") == Value(i));
  // A chunk that changes its environment does not change that of the next.
  for (int i = 0; i < 3; ++i) {
    CHECK(lua.eval("local before = x; _ENV = {}; return before") == Value(3));
  }
  // The same code under another name keeps its own name.
  const auto where = [&](std::string_view name) {
    return lua.engine->eval({.code = "debug.getinfo(1).short_src", .source_name = name});
  };
  CHECK(where("a.lua") == Value("a.lua"));
  CHECK(where("b.lua") == Value("b.lua"));
}

TEST_CASE("A value that nobody wants is not converted") {
  Lua lua;
  CHECK(lua.engine->eval({.code = "print", .want_value = false}) == Value());
  CHECK(lua.engine->call({.function = "type", .args = {1}, .want_value = false}) == Value());
}

TEST_CASE("A first line with #! is skipped and keeps its number") {
  Lua lua;
  CHECK(lua.eval("#!/usr/bin/env lua\nreturn 7") == Value(7));
  CHECK(lua.eval("#!/usr/bin/env lua") == Value());
  CHECK(lua.eval("#'abc'") == Value(3));
  CHECK(lua.failure("#!/usr/bin/env lua\nerror('x')").message == "eval:2: x");
}

TEST_CASE("A syntax error says where and what") {
  Lua lua;
  const Failure failure = lua.failure("x = = 1");
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.type == "syntax error");
  CHECK(failure.message == "eval:1: unexpected symbol near '='");
  CHECK(failure.traceback.empty());
  CHECK(lua.failure("\033Lua").type == "syntax error");
}

TEST_CASE("A runtime error carries the message and the code's frames, innermost last") {
  Lua lua;
  const Failure failure = lua.failure(
      "function inner() error('boom') end\n"
      "function outer() inner(); return 1 end\n"
      "outer()");
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.type == "runtime error");
  CHECK(failure.message == "eval:1: boom");
  CHECK(failure.traceback ==
        std::vector<std::string>{"eval:3: in main chunk", "eval:2: in function 'outer'",
                                 "eval:1: in function 'inner'", "[C]: in function 'error'"});
}

TEST_CASE("Tracebacks call the code by its source name") {
  Lua lua;
  const auto failure = Lua::failure_of(
      [&] { lua.engine->eval({.code = "\nlocal x = nil + 1", .source_name = "notes/first.lua"}); });
  CHECK(contains(failure.message, "notes/first.lua:2: attempt to perform arithmetic"));
  CHECK(failure.traceback == std::vector<std::string>{"notes/first.lua:2: in main chunk"});
}

TEST_CASE("Error objects are described") {
  Lua lua;
  CHECK(lua.failure("error(setmetatable({}, {__tostring = function() return 'I' end}))").message ==
        "I");
  CHECK(lua.failure("error({code = 42, 'x'})").message == "error object: {\"x\", code = 42}");
  CHECK(lua.failure("error()").message == "the error object is nil");
  CHECK(lua.failure("error(42)").message == "42");
  CHECK(lua.failure("error(true)").message == "error object: true");
  CHECK(lua.failure("error('bad \\xff byte', 0)").message == "bad \xEF\xBF\xBD byte");
  CHECK(lua.failure("error(setmetatable({}, {__name = 'HttpError'}))").type == "HttpError");
}

TEST_CASE("An error object whose __tostring fails is still an error") {
  Lua lua;
  CHECK(contains(
      lua.failure("error(setmetatable({}, {__tostring = function() error('no', 0) end}))").message,
      "no"));
  CHECK(contains(lua.failure("local e = setmetatable({}, {})\n"
                             "getmetatable(e).__tostring = function() error(e) end\n"
                             "error(e)")
                     .type,
                 ""));
  CHECK(lua.eval("1") == Value(1));
}

TEST_CASE("A stack overflow is an error like others") {
  Lua lua;
  const Failure failure = lua.failure("local function f() return 1 + f() end f()");
  CHECK(contains(failure.message, "stack overflow"));
  CHECK(failure.traceback.size() < 40);
  CHECK(contains(lua.failure("local s = string.gsub\n"
                             "local function f() return s('a', 'a', f) end f()")
                     .message,
                 "overflow"));
  CHECK(lua.eval("1 + 1") == Value(2));
}

// The sanitizers want all the address space for themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("Running out of memory is an error like others") {
  Lua lua;
  const LimitedMemory limit(256u << 20);
  CHECK(
      lua.failure("local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end").message ==
      "not enough memory");
  CHECK(lua.failure("local s, t = ('x'):rep(30 << 20), {} for i = 1, 20 do t[i] = s end return t")
            .message == "not enough memory");
  CHECK(lua.eval("1 + 1") == Value(2));
}
#endif

TEST_CASE("A function is called by its dotted path") {
  Lua lua;
  CHECK(lua.call("string.upper", {"abc"}) == Value("ABC"));
  lua.eval("geometry = {shapes = {}} function geometry.shapes.area(a, b) return a * b end");
  CHECK(lua.call("geometry.shapes.area", {6, 7}) == Value(42));
  CHECK(lua.call("select", {2, "a", "b", "c"}) == Value(Value::List{"b", "c"}));
  lua.eval("callable = setmetatable({}, {__call = function(self, x) return x + 1 end})");
  CHECK(lua.call("callable", {1}) == Value(2));
}

TEST_CASE("A method is called with its object") {
  Lua lua;
  lua.eval("account = {balance = 10} function account:add(n) return self.balance + n end");
  CHECK(lua.call("account:add", {5}) == Value(15));
  lua.eval("bank = {account = account}");
  CHECK(lua.call("bank.account:add", {1}) == Value(11));
}

TEST_CASE("A path that leads nowhere says which part is missing") {
  Lua lua;
  const auto problem = [&](std::string_view path) {
    const Failure failure = Lua::failure_of([&] { lua.call(path); });
    CHECK(failure.kind == FailureKind::not_found);
    return failure.message;
  };
  CHECK(problem("string.uper") == "`string.uper`: no field 'uper' in string");
  CHECK(problem("strin.upper") == "`strin.upper`: no global 'strin'");
  CHECK(problem("math.pi.x") == "`math.pi.x`: math.pi is a number");
  CHECK(problem("math.pi") == "`math.pi`: it is a number, not a function");
  CHECK(problem("io:nothing") == "`io:nothing`: no field 'nothing' in io");
  CHECK(problem("a..b") == "`a..b`: no global 'a'");
  CHECK(problem("") == "``: a name is empty");
  CHECK(problem("string.") == "`string.`: a name is empty");
}

TEST_CASE("Looking up a path runs metamethods, whose errors are the code's") {
  Lua lua;
  lua.eval(
      "lazy = setmetatable({}, {__index = function(_, k) return function() return k end end})");
  CHECK(lua.call("lazy.anything") == Value("anything"));
  lua.eval("broken = setmetatable({}, {__index = function() error('no luck') end})");
  const Failure failure = Lua::failure_of([&] { lua.call("broken.x"); });
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "eval:1: no luck");
  CHECK(failure.traceback.front() != "[C]: in ?");
}

TEST_CASE("A function is given as source") {
  Lua lua;
  CHECK(lua.call_source("function(a, b) return a + b end", {1, 2}) == Value(3));
  CHECK(lua.call_source("local n = 10 return function(a) return a * n end", {4}) == Value(40));
  CHECK(lua.call_source("string.lower", {"ABC"}) == Value("abc"));
  const Failure failure = Lua::failure_of([&] { lua.call_source("42"); });
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "the source gives a number, not a function");
  CHECK(Lua::failure_of([&] { lua.call_source("function("); }).type == "syntax error");
  CHECK(Lua::failure_of([&] { lua.call_source("error('early')"); }).message == "call:1: early");
}

TEST_CASE("Every standard library is there, and arg is not") {
  Lua lua;
  CHECK(lua.eval("coroutine and debug and io and math and os and package and string and table "
                 "and utf8 and true") == Value(true));
  CHECK(lua.eval("arg") == Value());
  CHECK(lua.eval("require 'oast' == oast and type(oast.version)") == Value("string"));
}

TEST_CASE("Functions that the engine replaces do what Lua's own do") {
  Lua lua;
  CHECK(lua.eval(R"(
    local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error('e' .. b, 0) end)
    local out = {}
    for _, args in ipairs{{1}, {2}, {3}} do
      out[#out + 1] = table.concat({tostring(select(1, coroutine.resume(co, args[1]))),
                                    coroutine.status(co)}, ' ')
    end
    return out)") == Value(Value::List{"true suspended", "false dead", "false dead"}));
  CHECK(lua.eval("select(2, coroutine.resume(coroutine.running()))") ==
        Value("cannot resume non-suspended coroutine"));
  CHECK(lua.eval("coroutine.resume(coroutine.create(function(...) return select('#', ...) end), "
                 "nil, nil)") == Value(Value::List{true, 2}));
  CHECK(lua.eval("local s = 0 for i in coroutine.wrap(function() for i = 1, 4 do "
                 "coroutine.yield(i) end end) do s = s + i end return s") == Value(10));
  CHECK(
      contains(lua.failure("coroutine.wrap(function() error('inside') end)()").message, "inside"));
  CHECK(lua.eval("coroutine.close(coroutine.create(print))") == Value(true));
  CHECK(lua.eval("local co = coroutine.wrap(function() local x <close> = setmetatable({}, "
                 "{__close = function() closed = true end}) error('e') end) pcall(co) "
                 "return closed") == Value(true));
  CHECK(lua.eval("xpcall(function(a, b) return a + b end, print, 1, 2)") ==
        Value(Value::List{true, 3}));
  CHECK(lua.eval("xpcall(error, function(e) return e .. '!' end, 'x')") ==
        Value(Value::List{false, "x!"}));
  CHECK(lua.eval("coroutine.wrap(function() return xpcall(function() return "
                 "coroutine.yield(1) end, print) end)()") == Value(1));
  CHECK(contains(lua.failure("xpcall(print)").message, "bad argument #2 to 'xpcall'"));
}

TEST_CASE("Hooks of the code work") {
  Lua lua;
  CHECK(lua.eval("local n = 0 debug.sethook(function() n = n + 1 end, '', 10) "
                 "for i = 1, 1000 do end debug.sethook() return n > 50") == Value(true));
  CHECK(lua.eval("debug.sethook(print, 'l') local f = debug.gethook() debug.sethook() "
                 "return f == print") == Value(true));
  CHECK(contains(lua.failure("debug.sethook(1, 2, 3, {})").message, "bad argument"));
}

TEST_CASE("A channel is wanted and given, or it is an error") {
  Lua lua;
  CHECK(lua.engine->eval({.code = "oast.channel(3)", .want_channel = true}) == Value(1));
  const Failure failure =
      Lua::failure_of([&] { lua.engine->eval({.code = "5", .want_channel = true}); });
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "a channel is wanted, not a number");
}

TEST_CASE("Many errors leave nothing behind on the stack") {
  Lua lua;
  for (int i = 0; i < 2000; ++i) {
    CHECK_THROWS_AS(lua.eval("error('again')"), oast::RemoteException);
    CHECK_THROWS_AS(lua.eval("1 +"), oast::RemoteException);
    CHECK_THROWS_AS(lua.eval("{1, {2, print}}"), oast::RemoteException);
    CHECK_THROWS_AS(lua.call("no.such"), oast::Error);
  }
  CHECK(lua.eval("1 + 1") == Value(2));
}
