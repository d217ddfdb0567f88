// Values between Lua and the wire.
#include <cmath>
#include <cstring>
#include <limits>

#include "lua_fixture.hpp"
#include "oast/codec.hpp"

using oast::Buffer;
using oast::DType;
using oast::Failure;
using oast::FailureKind;
using oast::Native;
using oast::Tensor;
using oast::Value;
using oast::test::Lua;

namespace {

/// What comes back when the value goes in and out.
Value round_trip(Lua& lua, const Value& value) { return lua.eval("...", {value}); }

template <class T>
Tensor tensor_of(DType dtype, std::vector<std::int64_t> shape, const std::vector<T>& elements) {
  const std::string_view bytes(reinterpret_cast<const char*>(elements.data()),
                               elements.size() * sizeof(T));
  return {dtype, std::move(shape), Buffer::copy_of(bytes)};
}

}  // namespace

TEST_CASE("Scalars keep their kind") {
  Lua lua;
  for (const Value& value :
       {Value(), Value(true), Value(false), Value(0),
        Value(std::numeric_limits<std::int64_t>::max()),
        Value(std::numeric_limits<std::int64_t>::min()), Value(1.0), Value(-0.5), Value(1e300),
        Value(std::numeric_limits<double>::infinity()), Value(""), Value("text"),
        Value("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80")}) {
    CHECK(round_trip(lua, value) == value);
  }
  CHECK(lua.eval("1.0").kind_name() == "float");
  CHECK(lua.eval("2^53").kind_name() == "float");
  CHECK(lua.eval("3 // 1").kind_name() == "integer");
  CHECK(std::isnan(lua.eval("0/0").as<double>()));
}

TEST_CASE("A string is text when it is UTF-8, else bytes") {
  Lua lua;
  CHECK(lua.eval("'a\\0b'") == Value(std::string("a\0b", 3)));
  CHECK(lua.eval("'\\xff'") == Value(Buffer::copy_of("\xff")));
  const auto is_text = [&](std::string_view code) {
    return lua.eval(code).kind_name() == "string";
  };
  CHECK(is_text("'\\u{7F}\\u{80}\\u{7FF}\\u{800}\\u{FFFF}\\u{10000}\\u{10FFFF}'"));
  CHECK(is_text("('x'):rep(100) .. 'ä'"));
  CHECK_FALSE(is_text("('x'):rep(100) .. '\\xC3'"));  // cut short
  CHECK_FALSE(is_text("'\\xC0\\x80'"));               // longer than needed
  CHECK_FALSE(is_text("'\\xE0\\x9F\\xBF'"));          // longer than needed
  CHECK_FALSE(is_text("'\\xED\\xA0\\x80'"));          // a surrogate
  CHECK_FALSE(is_text("'\\xF4\\x90\\x80\\x80'"));     // beyond U+10FFFF
  CHECK_FALSE(is_text("'\\x80'"));
  CHECK(round_trip(lua, Buffer::copy_of("\x80\x81")) == Value(Buffer::copy_of("\x80\x81")));
}

TEST_CASE("Sequences are lists, other tables maps") {
  Lua lua;
  CHECK(lua.eval("{1, 'b', {3}}") == Value(Value::List{1, "b", Value::List{3}}));
  CHECK(lua.eval("{}") == Value(Value::List{}));
  CHECK(lua.eval("{a = 1}") == Value(Value::Map{{"a", 1}}));
  CHECK(lua.eval("{1, 2, n = 2}") == Value(Value::Map{{1, 1}, {2, 2}, {"n", 2}}));
  CHECK(lua.eval("{[2] = 'b'}") == Value(Value::Map{{2, "b"}}));
  CHECK(lua.eval("{1, nil, 3}") == Value(Value::Map{{1, 1}, {3, 3}}));
  CHECK(lua.eval("{[0] = 'z', 'a'}") == Value(Value::Map{{0, "z"}, {1, "a"}}));
  CHECK(lua.eval("local t = {} for i = 10, 1, -1 do t[i] = i end return t") ==
        Value(Value::List{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_CASE("Maps go out in an order that does not depend on chance") {
  Lua lua;
  const Value map = lua.eval(
      "{b = 1, a = 2, ['a b'] = 3, [10] = 4, [9.5] = 5, [-1] = 6, [true] = 7, [false] = 8, "
      "['\\xff'] = 9}");
  CHECK(map == Value(Value::Map{{-1, 6},
                                {9.5, 5},
                                {10, 4},
                                {"a", 2},
                                {"a b", 3},
                                {"b", 1},
                                {Buffer::copy_of("\xff"), 9},
                                {false, 8},
                                {true, 7}}));
  CHECK(lua.eval("{[1 << 53] = 1, [(1 << 53) + 1] = 2, [2.0^53 + 2] = 3}") ==
        Value(Value::Map{{1L << 53, 1}, {(1L << 53) + 1, 2}, {(1L << 53) + 2, 3}}));
}

TEST_CASE("What came in as a map goes out as a map") {
  Lua lua;
  for (const Value& map : {Value(Value::Map{}), Value(Value::Map{{1, "a"}, {2, "b"}}),
                           Value(Value::Map{{"a", Value::Map{}}})}) {
    CHECK(round_trip(lua, map) == map);
  }
  CHECK(lua.eval("local m = ...; m.a = nil; return m", {Value::Map{{"a", 1}}}) ==
        Value(Value::Map{}));
  CHECK(lua.eval("oast.map()") == Value(Value::Map{}));
  CHECK(lua.eval("oast.map{'a'}") == Value(Value::Map{{1, "a"}}));
  CHECK(round_trip(lua, Value::List{}) == Value(Value::List{}));
}

TEST_CASE("Tables that came in behave as any") {
  Lua lua;
  const Value map = Value::Map{{"a", 1}, {"b", 2}};
  CHECK(lua.eval("local n = 0 for k, v in pairs(...) do n = n + v end return n", {map}) ==
        Value(3));
  CHECK(lua.eval("#...", {Value::List{1, 2, 3}}) == Value(3));
  CHECK(lua.eval("local s = '' for i, v in ipairs(...) do s = s .. i .. v end return s",
                 {Value::List{"a", "b"}}) == Value("1a2b"));
  CHECK(lua.eval("tostring(...):match('^table: ') ~= nil", {map}) == Value(true));
  CHECK(lua.eval("setmetatable(..., {__index = {c = 3}}).c", {map}) == Value(3));
  CHECK(lua.eval("next(...)", {Value::Map{}}) == Value());
}

TEST_CASE("nil inside lists and maps is oast.null") {
  Lua lua;
  const Value list = Value::List{1, nullptr, 3};
  CHECK(round_trip(lua, list) == list);
  CHECK(lua.eval("#..., (...)[2] == oast.null", {list}) == Value(Value::List{3, true}));
  CHECK(round_trip(lua, Value::Map{{"a", nullptr}}) == Value(Value::Map{{"a", nullptr}}));
  CHECK(lua.eval("oast.null") == Value());
  CHECK(lua.eval("tostring(oast.null)") == Value("null"));
  CHECK(lua.eval("...", {nullptr}) == Value());
}

TEST_CASE("Numbers as keys keep Lua's rules") {
  Lua lua;
  CHECK(round_trip(lua, Value::Map{{1.0, "a"}, {2.5, "b"}}) ==
        Value(Value::Map{{1, "a"}, {2.5, "b"}}));
  const auto failure = lua.failure("...", {Value::Map{{std::nan(""), 1}}});
  CHECK(failure.kind == FailureKind::remote_exception);
  CHECK(failure.message == "a map has the key NaN, which no Lua table can have");
}

TEST_CASE("Lists and maps may be keys") {
  Lua lua;
  const Value map = Value::Map{{Value::List{1, 2}, "pair"}};
  CHECK(round_trip(lua, map) == map);
}

TEST_CASE("What cannot be sent is named by its path") {
  Lua lua;
  const auto problem = [&](std::string_view code) {
    const Failure failure = lua.failure(code);
    CHECK(failure.kind == FailureKind::remote_exception);
    return failure.message;
  };
  CHECK(problem("print") == "cannot send value: a function");
  CHECK(problem("{items = {1, 2, {callback = print}}}") ==
        "cannot send value.items[3].callback: a function");
  CHECK(problem("{['two words'] = {[2.5] = {[true] = io.stdin}}}") ==
        "cannot send value[\"two words\"][2.5][true]: a userdata (FILE*)");
  CHECK(problem("1, {print}") == "cannot send value[2][1]: a function");
  CHECK(problem("coroutine.create(print)") == "cannot send value: a thread");
  CHECK(problem("{x = oast.channel()}") == "cannot send value.x: a channel");
  CHECK(problem("{a = {[print] = 1}}") == "cannot send a key of value.a: a function");
  CHECK(problem("{['end'] = print}") == "cannot send value[\"end\"]: a function");
}

TEST_CASE("A table that contains itself cannot be sent, one that is shared can") {
  Lua lua;
  CHECK(lua.failure("local t = {} t.a = {b = t} return t").message ==
        "cannot send value.a.b: a table that contains itself");
  CHECK(lua.failure("local t = {} t[t] = 1 return t").message ==
        "cannot send a key of value: a table that contains itself");
  CHECK(lua.eval("local s = {1} return {s, s, {s}}") ==
        Value(Value::List{Value::List{1}, Value::List{1}, Value::List{Value::List{1}}}));
}

TEST_CASE("Deep nesting is refused before it is too deep for the wire") {
  Lua lua;
  lua.eval("function nest(n, inner) local t = inner for i = 1, n do t = {t} end return t end");
  const Value deepest = lua.eval("nest(61, oast.null)");
  oast::wire::Writer writer;
  const auto value = writer.value(deepest);
  const auto packet =
      writer.finish(oast::RequestId{1}, oast::wire::CreateResult(writer.builder(), value));
  CHECK_FALSE(oast::wire::verify(packet));
  CHECK(round_trip(lua, deepest) == deepest);
  CHECK(lua.failure("nest(62, 1)").message.ends_with("nested deeper than 61 tables"));
  CHECK(lua.failure("nest(100000, 1)").message.ends_with("nested deeper than 61 tables"));
  Value deep = 1;
  for (int i = 0; i < 1000; ++i) deep = Value::List{std::move(deep)};
  CHECK(lua.failure("...", {deep}).message == "a value is nested deeper than 64 tables");
}

TEST_CASE("Conversion calls no metamethods") {
  Lua lua;
  CHECK(lua.eval("setmetatable({1, a = 2}, {__pairs = error, __index = error, __len = error, "
                 "__name = 'Thing'})") == Value(Value::Map{{1, 1}, {"a", 2}}));
}

TEST_CASE("A tensor shows its elements and goes out as it came, uncopied") {
  Lua lua;
  const Tensor tensor = tensor_of<double>(DType::float64, {2, 3}, {1, 2, 3, 4, 5, 6.5});
  const Value out = round_trip(lua, tensor);
  CHECK(out == Value(tensor));
  CHECK(out.as<Tensor>().data.bytes().data() == tensor.data.bytes().data());
  CHECK(lua.eval("local t = ...; return t.dtype, t.shape, #t, t:get(2, 3), t[2], t[7]", {tensor}) ==
        Value(Value::List{"float64", Value::List{2, 3}, 6, 6.5, 2.0, nullptr}));
  CHECK(lua.eval("(...):totable()", {tensor}) ==
        Value(Value::List{Value::List{1.0, 2.0, 3.0}, Value::List{4.0, 5.0, 6.5}}));
  CHECK(lua.eval("local s = 0 for _, x in ipairs(...) do s = s + x end return s", {tensor}) ==
        Value(21.5));
  CHECK(lua.eval("tostring(...)", {tensor}) == Value("tensor float64 [2, 3]"));
  CHECK(lua.failure("(...):get(1)", {tensor}).message ==
        "eval:1: 2 indices wanted, one for each dimension, got 1");
  CHECK(lua.failure("(...):get(3, 1)", {tensor}).message.find("out of range") != std::string::npos);
}

TEST_CASE("Tensors of every element type are read") {
  Lua lua;
  const auto first = [&](const Tensor& tensor) { return lua.eval("(...)[1]", {tensor}); };
  CHECK(first(tensor_of<std::uint8_t>(DType::bool8, {1}, {1})) == Value(true));
  CHECK(first(tensor_of<std::int8_t>(DType::int8, {1}, {-5})) == Value(-5));
  CHECK(first(tensor_of<std::uint8_t>(DType::uint8, {1}, {200})) == Value(200));
  CHECK(first(tensor_of<std::int16_t>(DType::int16, {1}, {-300})) == Value(-300));
  CHECK(first(tensor_of<std::uint16_t>(DType::uint16, {1}, {60000})) == Value(60000));
  CHECK(first(tensor_of<std::int32_t>(DType::int32, {1}, {-70000})) == Value(-70000));
  CHECK(first(tensor_of<std::uint32_t>(DType::uint32, {1}, {4000000000u})) == Value(4000000000));
  CHECK(first(tensor_of<std::int64_t>(DType::int64, {1}, {-1})) == Value(-1));
  CHECK(first(tensor_of<std::uint64_t>(DType::uint64, {1}, {7})) == Value(7));
  CHECK(first(tensor_of<std::uint64_t>(DType::uint64, {1}, {1ull << 63})) == Value(0x1p63));
  CHECK(first(tensor_of<std::uint16_t>(DType::float16, {1}, {0x3E00})) == Value(1.5));
  CHECK(first(tensor_of<std::uint16_t>(DType::float16, {1}, {0x8001})) == Value(-0x1p-24));
  CHECK(first(tensor_of<float>(DType::float32, {1}, {0.5f})) == Value(0.5));
  CHECK(first(tensor_of<float>(DType::complex64, {1}, {1, 2})) == Value(Value::List{1.0, 2.0}));
  CHECK(first(tensor_of<double>(DType::complex128, {1}, {3, 4})) == Value(Value::List{3.0, 4.0}));
  CHECK(lua.eval("(...):get()", {tensor_of<double>(DType::float64, {}, {9})}) == Value(9.0));
}

TEST_CASE("A tensor with less data than its shape says is no trap") {
  Lua lua;
  const Tensor wrong = tensor_of<double>(DType::float64, {10, 10}, {1});
  CHECK(lua.failure("(...):get(10, 10)", {wrong}).message.find("less data") != std::string::npos);
  CHECK(lua.failure("(...):totable()", {wrong}).message.find("less data") != std::string::npos);
  CHECK(lua.eval("(...):totable()", {tensor_of<double>(DType::float64, {1 << 30, 0}, {})}) ==
        Value(Value::List{}));
}

TEST_CASE("An error value shows its fields, goes out again, and can be raised") {
  Lua lua;
  Failure failure{.kind = FailureKind::timeout, .message = "late", .type = "Slow"};
  failure.traceback = {"a", "b"};
  CHECK(round_trip(lua, failure) == Value(failure));
  CHECK(lua.eval("local e = ...; return e.kind, e.message, e.type, e.traceback, tostring(e), e.x",
                 {failure}) ==
        Value(Value::List{"timeout", "late", "Slow", Value::List{"a", "b"}, "late", nullptr}));
  const Failure raised = lua.failure("error(...)", {failure});
  CHECK(raised.message == "late");
  CHECK(raised.type == "Slow");
}

TEST_CASE("A native value goes out as it came") {
  Lua lua;
  const Native native{"pickle5", Buffer::copy_of("...")};
  CHECK(round_trip(lua, native) == Value(native));
  CHECK(lua.eval("local n = ...; return n.format, #n, tostring(n)", {native}) ==
        Value(Value::List{"pickle5", 3, "native pickle5 (3 bytes)"}));
}

TEST_CASE("Values in userdata survive code that takes the garbage collector's place") {
  Lua lua;
  const Tensor tensor = tensor_of<double>(DType::float64, {1}, {1});
  CHECK(lua.failure("local t = ...; debug.getmetatable(t).__gc(t); return t", {tensor}).message ==
        "cannot send value: a userdata");
  CHECK(lua.eval("getmetatable(...)", {tensor}) == Value("oast.tensor"));
  lua.eval("kept = ...", {tensor});
  lua.eval("kept = nil collectgarbage()");
  CHECK(lua.eval("1") == Value(1));
}

TEST_CASE("Many arguments fit, too many are refused") {
  Lua lua;
  CHECK(lua.eval("select('#', ...)", std::vector<Value>(200000, Value(1))) == Value(200000));
  CHECK(lua.failure("1", std::vector<Value>(1100000, Value(1))).message == "too many arguments");
  CHECK(lua.eval("1") == Value(1));
}
