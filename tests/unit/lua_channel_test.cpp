// Channels in Lua code.
#include "lua_fixture.hpp"

using oast::FailureKind;
using oast::Value;
using oast::test::Lua;

TEST_CASE("A channel carries values in order") {
  Lua lua;
  lua.eval("ch = oast.channel(3)");
  CHECK(lua.eval("ch:ready()") == Value(false));
  lua.eval("ch:put(1) ch:put({a = {true}}) ch:put('three')");
  CHECK(lua.eval("ch:ready()") == Value(true));
  CHECK(lua.eval("ch:take(), ch:take(), ch:take()") ==
        Value(Value::List{1, Value::Map{{"a", Value::List{true}}}, "three"}));
}

TEST_CASE("A nil that was put is not the end") {
  Lua lua;
  CHECK(lua.eval("local ch = oast.channel(2) ch:put(nil) ch:close() "
                 "return ch:take() == oast.null, ch:take()") == Value(Value::List{true, nullptr}));
}

TEST_CASE("A closed channel gives what it holds, ends iteration, and takes no more") {
  Lua lua;
  CHECK(lua.eval("local ch, t = oast.channel(3), {} ch:put(1) ch:put(2) ch:close() "
                 "for v in ch:values() do t[#t + 1] = v end return t") == Value(Value::List{1, 2}));
  const auto failure = lua.failure("local ch = oast.channel() ch:close()\nch:put(1)");
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "eval:2: the channel is closed");
}

TEST_CASE("What cannot be sent cannot be put") {
  Lua lua;
  CHECK(lua.failure("oast.channel():put({f = print})").message ==
        "eval:1: cannot send value.f: a function");
  CHECK(lua.failure("oast.channel():put()").message.find("value expected") != std::string::npos);
}

TEST_CASE("A channel is known by its number") {
  Lua lua;
  CHECK(lua.engine->eval({.code = "ch1 = oast.channel() return ch1", .want_channel = true}) ==
        Value(1));
  CHECK(lua.engine->call({.function = "oast.channel", .args = {5}, .want_channel = true}) ==
        Value(2));
  CHECK(lua.eval("tostring(ch1)") == Value("channel 1"));
  lua.eval("ch1 = nil collectgarbage()");
  CHECK_FALSE(lua.services.ready(oast::ChannelId{1}));  // still there and open
}

TEST_CASE("Channels cannot be forged") {
  Lua lua;
  CHECK(lua.failure("oast.channel().take(io.stdout)").message.find("oast.channel expected") !=
        std::string::npos);
  CHECK(lua.failure("oast.channel(-1)").message.find("capacity") != std::string::npos);
  CHECK(lua.eval("getmetatable(oast.channel())") == Value("oast.channel"));
}
