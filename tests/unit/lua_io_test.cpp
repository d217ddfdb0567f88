// Output, input and processes of Lua code.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lua_fixture.hpp"

using oast::FailureKind;
using oast::Value;
using oast::kernel::Stream;
using oast::test::Lua;

namespace {

/// A file that is gone with its object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text = {}) {
    const int fd = mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "oast-lua-XXXXXX").string();
};

}  // namespace

TEST_CASE("All that is written arrives, in order, on its stream") {
  Lua lua;
  lua.eval(R"(
    print('a', 1, 2.0, nil, true)
    io.write('b', 3, '\n')
    io.stdout:write('c'):write('d\n')
    io.stderr:write('oops\n')
    io.output():write('e\n')
    print(setmetatable({}, {__tostring = function() return 'f' end}))
  )");
  CHECK(lua.services.text() == "a\t1\t2.0\tnil\ttrue\nb3\ncd\ne\nf\n");
  CHECK(lua.services.text(Stream::err) == "oops\n");
}

TEST_CASE("print is one output for a line, however long") {
  Lua lua;
  lua.eval("print(('x'):rep(100000), 'y')");
  REQUIRE(lua.services.outputs.size() == 1);
  CHECK((lua.services.outputs[0].text == std::string(100000, 'x') + "\ty\n"));
  lua.eval("print()");
  CHECK(lua.services.outputs[1].text == "\n");
}

TEST_CASE("io.write as an expression is nil, and no error") {
  Lua lua;
  CHECK(lua.eval("io.write('x')") == Value());
  CHECK(lua.eval("io.stderr:write('x')") == Value());
}

TEST_CASE("Output that the code buffers keeps its order and is complete at the end") {
  Lua lua;
  lua.eval("io.stdout:setvbuf('full') io.write('a') print('b') io.write('c')");
  CHECK(lua.services.text() == "ab\nc");
  lua.eval("io.stdout:setvbuf('no')");
  lua.eval("pcall(error) io.write('d')");
  CHECK(lua.services.text() == "ab\ncd");
}

TEST_CASE("Bytes of any value are output") {
  Lua lua;
  lua.eval("io.write('a\\0\\xff')");
  CHECK(lua.services.text() == std::string("a\0\xff", 3));
}

TEST_CASE("The standard streams stay open") {
  Lua lua;
  CHECK(lua.eval("io.stdout:close()") == Value(Value::List{nullptr, "cannot close standard file"}));
  CHECK(lua.eval("io.close()") == Value(Value::List{nullptr, "cannot close standard file"}));
  lua.eval("io.stdout = nil; collectgarbage(); io.write('still here')");
  CHECK(lua.services.text() == "still here");
}

TEST_CASE("Input is asked for line by line") {
  Lua lua;
  lua.services.lines = {"first", "42 rest", "c", "d"};
  CHECK(lua.eval("io.read()") == Value("first"));
  CHECK(lua.services.prompts.size() == 1);
  CHECK(lua.eval("io.read('n')") == Value(42));
  CHECK(lua.services.prompts.size() == 2);
  CHECK(lua.eval("io.read('L')") == Value("c\n"));
  CHECK(lua.eval("io.stdin:read(1)") == Value("d"));
}

TEST_CASE("What one request left of its input is not the next one's") {
  Lua lua;
  lua.services.lines = {"secret", "public"};
  CHECK(lua.eval("io.read(1)") == Value("s"));
  CHECK(lua.eval("io.read()") == Value("public"));
}

TEST_CASE("The end of input ends a read, and a later one asks again") {
  Lua lua;
  lua.services.lines = {"a", "b", std::nullopt, "c"};
  CHECK(lua.eval("io.read('a')") == Value("a\nb\n"));
  CHECK(lua.eval("io.read()") == Value("c"));
  CHECK(lua.eval("io.read()") == Value());
  lua.services.lines = {"x", "y", std::nullopt, "z"};
  CHECK(lua.eval("local t = {} for line in io.lines() do t[#t + 1] = line end "
                 "return table.concat(t, ','), io.read()") == Value(Value::List{"x,y", "z"}));
}

TEST_CASE("What was written stands before the question for input") {
  Lua lua;
  lua.services.lines = {"Ada"};
  bool written = false;
  lua.services.on_flush = [&] { written = !lua.services.outputs.empty(); };
  CHECK(lua.eval("io.stdout:setvbuf('full') io.write('Name? ') return io.read()") == Value("Ada"));
  CHECK(written);
}

TEST_CASE("loadfile and dofile without a name read the host's input") {
  Lua lua;
  lua.services.lines = {"x = 5", "return x", std::nullopt};
  CHECK(lua.eval("dofile()") == Value(5));
  lua.services.lines = {"return y", std::nullopt};
  CHECK(lua.eval("loadfile(nil, 't', {y = 6})()") == Value(6));
  lua.services.lines = {"return return", std::nullopt};
  CHECK(lua.failure("dofile()").message.starts_with("stdin:1:"));
}

TEST_CASE("loadfile and dofile with a name read the file") {
  Lua lua;
  const TemporaryFile file("local a = ...\nreturn a or z, 'file'");
  const std::string name = "'" + file.path() + "'";
  CHECK(lua.eval("z = 1 return dofile(" + name + ")") == Value(Value::List{1, "file"}));
  CHECK(lua.eval("loadfile(" + name + ", 't', {z = 2})()") == Value(Value::List{2, "file"}));
  CHECK(lua.eval("loadfile(" + name + ")(3)") == Value(Value::List{3, "file"}));
  CHECK(lua.eval("loadfile('/no/such/file')").as<Value::List>().at(0) == Value());
  CHECK(lua.failure("dofile('/no/such/file')").message.find("/no/such/file") != std::string::npos);
  CHECK(lua.eval("coroutine.wrap(function() return dofile(" + name + ") end)()") ==
        Value(Value::List{1, "file"}));
}

TEST_CASE("Output stands before that of a child process") {
  Lua lua;
  std::vector<std::string> at_flush;
  lua.services.on_flush = [&] {
    std::string text;
    for (const auto& output : lua.services.outputs) text += output.text;
    at_flush.push_back(text);
  };
  CHECK(lua.eval("io.stdout:setvbuf('full') io.write('before') return os.execute('exit 3')") ==
        Value(Value::List{nullptr, "exit", 3}));
  REQUIRE_FALSE(at_flush.empty());
  CHECK(at_flush.front() == "before");
  at_flush.clear();
  CHECK(lua.eval("local p = io.popen('echo child') local s = p:read('a') p:close() return s") ==
        Value("child\n"));
  CHECK_FALSE(at_flush.empty());
  CHECK(lua.eval("os.execute()") == Value(true));
  CHECK(lua.failure("io.popen()").message ==
        "eval:1: bad argument #1 to 'popen' (string expected, got no value)");
}

TEST_CASE("os.exit ends the kernel through its services") {
  Lua lua;
  const auto exits = [&](std::string_view code) {
    lua.services.exit_code.reset();
    CHECK(lua.failure(code).message.find("this process stays") != std::string::npos);
    return lua.services.exit_code.value_or(-1);
  };
  CHECK(exits("os.exit()") == 0);
  CHECK(exits("os.exit(true)") == 0);
  CHECK(exits("os.exit(false)") == 1);
  CHECK(exits("os.exit(3)") == 3);
  CHECK(exits("os.exit(4, true)") == 4);
  CHECK(exits("io.write('bye') os.exit(5)") == 5);
  CHECK(lua.services.text() == "bye");
}

TEST_CASE("Warnings go to stderr once they are on") {
  Lua lua;
  lua.eval("warn('no')");
  CHECK(lua.services.text(Stream::err).empty());
  lua.eval("warn('@on') warn('a', 'b') warn('@off') warn('c')");
  CHECK(lua.services.text(Stream::err) == "Lua warning: ab\n");
  lua.eval(
      "warn('@on') setmetatable({}, {__gc = function() error('gone', 0) end}) "
      "collectgarbage()");
  CHECK(lua.services.text(Stream::err).find("gone") != std::string::npos);
}

TEST_CASE("debug.debug reads the host's input") {
  Lua lua;
  lua.services.lines = {"x = 1", "error('no', 0)", "cont", "not read"};
  lua.eval("debug.debug()");
  CHECK(lua.services.prompts.back() == "lua_debug> ");
  CHECK(lua.eval("x") == Value(1));
  CHECK(lua.services.text(Stream::err) == "no\n");
  CHECK(lua.services.lines.size() == 1);
}

TEST_CASE("Finalizers may still print when the engine ends") {
  oast::test::LuaServices services;
  {
    const auto engine = oast::kernel::make_lua_engine(services);
    engine->eval({.code = "x = setmetatable({}, {__gc = function() print('end') end})"});
  }
  CHECK(services.text() == "end\n");
}
