// Completion, inspection and completeness of Lua code.
#include <algorithm>

#include "lua_fixture.hpp"

using oast::Value;
using oast::kernel::CodeStatus;
using oast::test::Lua;

namespace {

using Names = std::vector<std::string>;

/// Matches at the '|' in the code, which is not part of it.
oast::kernel::Completions complete(Lua& lua, std::string code) {
  const auto cursor = code.find('|');
  code.erase(cursor, 1);
  return lua.engine->complete(code, static_cast<std::uint32_t>(cursor));
}
Names matches(Lua& lua, const std::string& code) { return complete(lua, code).matches; }

bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string inspect(Lua& lua, std::string code, int detail = 0) {
  const auto cursor = code.find('|');
  code.erase(cursor, 1);
  return lua.engine->inspect(code, static_cast<std::uint32_t>(cursor), detail)
      .value_or("not found");
}

}  // namespace

TEST_CASE("Globals and keywords are completed") {
  Lua lua;
  lua.eval("greeting = 'hi' function greet() end");
  CHECK(matches(lua, "x = gree|") == Names{"greet", "greeting"});
  CHECK(matches(lua, "whi|") == Names{"while"});
  CHECK(matches(lua, "re|") == Names{"repeat", "require", "return"});
  CHECK(has(matches(lua, "|"), "print"));
  CHECK(matches(lua, "nothing_like_this|").empty());
  const auto completions = complete(lua, "foo(gree|, 1)");
  CHECK(completions.start == 4);
  CHECK(completions.end == 8);
}

TEST_CASE("Fields are completed along the path") {
  Lua lua;
  lua.eval("a = {b = {cat = 1, cow = print, ['two words'] = 2}}");
  CHECK(matches(lua, "a.b.c|") == Names{"cat", "cow"});
  CHECK(matches(lua, "print(a.b.|)") == Names{"cat", "cow"});
  CHECK(matches(lua, "a . b . ca|") == Names{"cat"});
  CHECK(matches(lua, "a.b:c|") == Names{"cow"});
  CHECK(matches(lua, "string.up|") == Names{"upper"});
  CHECK(matches(lua, "a.nothing.c|").empty());
  CHECK(matches(lua, "f().c|").empty());
  CHECK_FALSE(has(matches(lua, "a..c|"), "cat"));
}

TEST_CASE("Methods of strings, files and channels are completed") {
  Lua lua;
  lua.eval("s = 'x' ch = oast.channel()");
  CHECK(matches(lua, "('x'):up|") == Names{"upper"});
  CHECK(matches(lua, "s:re|") == Names{"rep", "reverse"});
  CHECK(matches(lua, "io.stdout:wr|") == Names{"write"});
  CHECK(matches(lua, "ch:ta|") == Names{"take"});
}

TEST_CASE("Inherited fields are completed without running code") {
  Lua lua;
  lua.eval(
      "Base = {area = function() end} Base.__index = Base "
      "Derived = setmetatable({perimeter = print}, Base) Derived.__index = Derived "
      "object = setmetatable({}, Derived) "
      "trap = setmetatable({}, {__index = function() error('ran') end}) "
      "circle = {} setmetatable(circle, {__index = circle})");
  CHECK(matches(lua, "object:|") == Names{"area", "perimeter"});
  CHECK(matches(lua, "trap.x|").empty());
  CHECK(matches(lua, "trap.x.y|").empty());
  CHECK(matches(lua, "circle.x|").empty());
}

TEST_CASE("Nothing is completed inside strings and comments") {
  Lua lua;
  CHECK(matches(lua, "x = 'pri|").empty());
  CHECK(matches(lua, "-- pri|").empty());
  CHECK(matches(lua, "x = [[ pri|").empty());
  CHECK(matches(lua, "--[==[ ]] pri|").empty());
  CHECK(has(matches(lua, "x = '\\'' .. pri|"), "print"));
  CHECK(has(matches(lua, "--[==[ ]] ]==] pri|"), "print"));
  CHECK(matches(lua, "x = 1.|").empty());
  CHECK(matches(lua, "0x1e|").empty());
}

TEST_CASE("A cursor beyond the code counts as its end") {
  Lua lua;
  CHECK(lua.engine->complete("prin", 1000).matches == Names{"print"});
  CHECK_FALSE(lua.engine->inspect("", 1000, 0));
}

TEST_CASE("A function is inspected with its parameters, place and comment") {
  Lua lua;
  lua.engine->eval({.code = "local x\n"
                            "-- Greets a person.\n"
                            "--   name: whom\n"
                            "function greet(name, greeting, ...)\n"
                            "  return greeting .. name\n"
                            "end",
                    .source_name = "hello.lua"});
  const std::string text =
      "function greet(name, greeting, ...)\n"
      "defined at hello.lua:4\n"
      "\n"
      "Greets a person.\n"
      "  name: whom\n";
  CHECK(inspect(lua, "gre|et('x')") == text);
  CHECK(inspect(lua, "greet|") == text);
  CHECK(inspect(lua, "greet('x', |") == text);
  CHECK(inspect(lua, "greet(tostring(1), |)") == text);
  CHECK(inspect(lua, "greet|", 1) == text +
                                         "\n"
                                         "function greet(name, greeting, ...)\n"
                                         "  return greeting .. name\n"
                                         "end\n");
  CHECK(inspect(lua, "string.for|mat") == "function string.format(...)\nbuilt in\n");
}

TEST_CASE("The latest definition is the one whose comment is shown") {
  Lua lua;
  lua.eval("-- old\nfunction f() end");
  lua.eval("-- new\nfunction f() end");
  CHECK(inspect(lua, "f|") == "function f()\ndefined at eval:2\n\nnew\n");
}

TEST_CASE("Other values are inspected with type and value") {
  Lua lua;
  lua.eval("n = 42 r = 1.0 s = 'text' t = {name = 'x', 10, 20} b = true");
  CHECK(inspect(lua, "n|") == "integer n = 42\n");
  CHECK(inspect(lua, "r|") == "float r = 1.0\n");
  CHECK(inspect(lua, "s|") == "string s = \"text\"\n");
  CHECK(inspect(lua, "b|") == "boolean b = true\n");
  CHECK(inspect(lua, "t|.name") == "table t, 3 fields\n  .name = \"x\"\n  [1] = 10\n  [2] = 20\n");
  CHECK(inspect(lua, "t.na|me") == "string t.name = \"x\"\n");
  CHECK(inspect(lua, "nowhere|") == "not found");
  CHECK(inspect(lua, "whi|le true do") == "not found");
  CHECK(inspect(lua, "|") == "not found");
}

TEST_CASE("Code is complete, incomplete or invalid") {
  Lua lua;
  const auto status = [&](std::string_view code) { return lua.engine->is_complete(code).status; };
  for (const char* code : {"1 + 1", "x = 1", "", "for i = 1, 3 do print(i) end", "-- comment",
                           "x = [[\nlong]]", "#!/usr/bin/lua\nprint(1)", "f'x'"}) {
    CAPTURE(code);
    CHECK(status(code) == CodeStatus::complete);
  }
  for (const char* code :
       {"1 +", "x =", "for i = 1, 3 do", "function f()", "f(", "{1, 2", "x = [[ab", "--[[ comment",
        "if x then y() else", "x = 'ab\\", "return 1 +", "a.", "local"}) {
    CAPTURE(code);
    CHECK(status(code) == CodeStatus::incomplete);
  }
  for (const char* code :
       {"x = = 1", "end", "1 + + 2", "x = 'ab", "hello world", "f()) ", "goto x", "break"}) {
    CAPTURE(code);
    CHECK(status(code) == CodeStatus::invalid);
  }
}

TEST_CASE("The next line of incomplete code is indented by what is open") {
  Lua lua;
  const auto indent = [&](std::string_view code) { return lua.engine->is_complete(code).indent; };
  CHECK(indent("for i = 1, 3 do") == "  ");
  CHECK(indent("function f()\n  if x then") == "    ");
  CHECK(indent("function f()\n  if x then\n    y()\n  end") == "  ");
  CHECK(indent("while x do repeat y() until z") == "  ");
  CHECK(indent("t = {\n  {1, 2},") == "  ");
  CHECK(indent("f('end', [[do]], --[[ then ]]") == "  ");
  CHECK(indent("x =") == "");
  CHECK(indent("do x = [[text") == "");
  CHECK(indent("1 + 1") == "");
}

TEST_CASE("Neither completion, inspection nor completeness runs the code") {
  Lua lua;
  lua.engine->is_complete("x = 1");
  lua.engine->complete("x = 1 x", 7);
  lua.engine->inspect("x = 1 x", 7, 0);
  CHECK(lua.eval("x") == Value());
}
