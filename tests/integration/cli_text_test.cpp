// How the CLI writes values and kernels.
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <span>

#include "cli_fixture.hpp"
#include "history_file.hpp"
#include "json_text.hpp"
#include "table.hpp"
#include "terminal_text.hpp"
#include "top_frame.hpp"
#include "value_text.hpp"

using namespace oast;
using namespace oast::cli;

namespace {

using List = Value::List;
using Map = Value::Map;

template <class T>
Tensor tensor(DType dtype, std::vector<std::int64_t> shape, const std::vector<T>& items) {
  return {dtype, std::move(shape), Buffer::copy_of(std::as_bytes(std::span(items)))};
}

std::string lua_text(const Value& value, std::size_t width = 80) {
  return value_text(value, "lua", width);
}

std::string python_text(const Value& value, std::size_t width = 80) {
  return value_text(value, "python", width);
}

KernelInfo kernel(std::uint64_t id, KernelState state, double cpu = 0) {
  KernelInfo info;
  info.id = KernelId{id};
  info.name = "k" + std::to_string(id);
  info.state = state;
  info.cpu_seconds = cpu;
  info.heartbeat_ms = 0.5;
  return info;
}

}  // namespace

TEST_CASE("scalars are Lua literals") {
  CHECK(lua_text({}) == "nil");
  CHECK(lua_text(true) == "true");
  CHECK(lua_text(7) == "7");
  CHECK(lua_text(1.0) == "1.0");
  CHECK(lua_text(-0.5) == "-0.5");
  CHECK(lua_text(1e300) == "1e+300");
  CHECK(lua_text(0.1) == "0.1");
  CHECK(lua_text(0.1 + 0.2) == "0.30000000000000004");
  CHECK(lua_text(123456.0) == "123456.0");
  CHECK(lua_text(1e15) == "1e+15");
  CHECK(lua_text(-0.0) == "-0.0");
  CHECK(lua_text(5e-324) == "5e-324");
  CHECK(lua_text(std::ldexp(1, 53)) == "9007199254740992.0");
  for (const double x : {1.0 / 3, -2.5e-308, 5e-324, 1.7976931348623157e308, 1e15 + 0.5}) {
    CHECK(std::strtod(lua_text(x).c_str(), nullptr) == x);
  }
  CHECK(lua_text(std::nan("")) == "(0/0)");
  CHECK(lua_text(HUGE_VAL) == "math.huge");
  CHECK(lua_text(-HUGE_VAL) == "-math.huge");
  CHECK(lua_text(std::numeric_limits<std::int64_t>::min()) == "math.mininteger");
  CHECK(lua_text(std::numeric_limits<std::int64_t>::max()) == "9223372036854775807");
}

TEST_CASE("strings keep readable UTF-8 and escape what a terminal would obey") {
  CHECK(lua_text("Grüße, 世界") == "\"Grüße, 世界\"");
  CHECK(lua_text("a\"b\\c\n\t") == R"("a\"b\\c\n\t")");
  CHECK(lua_text(std::string("\0\x1b[31m\x7f", 7)) == R"("\x00\x1B[31m\x7F")");
  CHECK(lua_text("\xc2\x9b") == R"("\u{9B}")");
  CHECK(lua_text("\xff\xc0\x80") == R"("\xFF\xC0\x80")");
  CHECK(lua_text(Buffer::copy_of("\xff\"a")) == R"("\xFF\"a")");
}

TEST_CASE("tables: positional members first, names without brackets where Lua allows") {
  CHECK(lua_text(List{}) == "{}");
  CHECK(lua_text(Map{}) == "{}");
  CHECK(lua_text(List{1, "a", List{2}}) == R"({1, "a", {2}})");
  CHECK(lua_text(Map{{"x", 3}, {2, "b"}, {1, "a"}}) == R"({"a", "b", x = 3})");
  CHECK(lua_text(Map{{"end", 1}, {"a b", 2}, {"1x", 3}, {"_ok1", 4}}) ==
        R"({["1x"] = 3, _ok1 = 4, ["a b"] = 2, ["end"] = 1})");
  CHECK(lua_text(Map{{7, 1}, {1.5, 2}, {true, 3}}) == "{[1.5] = 2, [7] = 1, [true] = 3}");
  CHECK(lua_text(Map{{0, "z"}, {1, "a"}, {-1, "m"}}) == R"({"a", [-1] = "m", [0] = "z"})");
}

TEST_CASE("what does not fit on a line is indented") {
  const Value value = Map{{"name", "x"}, {"items", List{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}};
  CHECK(lua_text(value, 60) == "{items = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, name = \"x\"}");
  CHECK(lua_text(value, 30) ==
        "{\n"
        "  items = {\n"
        "    1, 2, 3, 4, 5, 6, 7, 8, 9,\n"
        "    10,\n"
        "  },\n"
        "  name = \"x\",\n"
        "}");
}

TEST_CASE("no line of a wrapped table is wider than asked, as long as its parts can be broken") {
  List rows;
  for (int i = 0; i < 50; ++i) rows.push_back(Map{{"id", i}, {"tags", List{"ä", "b", "c"}}});
  for (const std::size_t width : {20U, 33U, 80U}) {
    std::istringstream lines(lua_text(Map{{"rows", rows}}, width));
    for (std::string line; std::getline(lines, line);) CHECK(columns(line) <= width);
  }
}

TEST_CASE("tensors, errors and native values are summed up") {
  CHECK(lua_text(tensor<double>(DType::float64, {2, 2}, {1, 2.5, 3, 4})) ==
        "<tensor float64 2x2: 1.0, 2.5, 3.0, 4.0>");
  CHECK(lua_text(tensor<std::int8_t>(DType::int8, {10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) ==
        "<tensor int8 10: 0, 1, 2, 3, 4, 5, 6, 7, ...>");
  CHECK(lua_text(tensor<float>(DType::complex64, {}, {1, -2})) ==
        "<tensor complex64 scalar: 1.0-2.0i>");
  CHECK(lua_text(tensor<std::uint16_t>(DType::float16, {3}, {0x3C00, 0xC000, 0x0001})) ==
        "<tensor float16 3: 1.0, -2.0, 5.960464477539063e-08>");
  CHECK(lua_text(Failure{.message = "no\n"}) == "<error remote_exception: no?>");
  CHECK(lua_text(Native{"pickle5", Buffer::copy_of("abc")}) == "<native pickle5, 3 bytes>");
}

TEST_CASE("Python: scalars are what repr makes of them") {
  CHECK(python_text({}) == "None");
  CHECK(python_text(true) == "True");
  CHECK(python_text(false) == "False");
  CHECK(python_text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(python_text(0.1) == "0.1");
  CHECK(python_text(1.0) == "1.0");
  CHECK(python_text(-0.0) == "-0.0");
  CHECK(python_text(123456789012345.6) == "123456789012345.6");
  CHECK(python_text(1e15) == "1000000000000000.0");
  CHECK(python_text(9999999999999998.0) == "9999999999999998.0");
  CHECK(python_text(1e16) == "1e+16");
  CHECK(python_text(0.0001) == "0.0001");
  CHECK(python_text(0.00001) == "1e-05");
  CHECK(python_text(1.5e300) == "1.5e+300");
  CHECK(python_text(5e-324) == "5e-324");
  CHECK(python_text(HUGE_VAL) == "inf");
  CHECK(python_text(-HUGE_VAL) == "-inf");
  CHECK(python_text(std::nan("")) == "nan");
}

TEST_CASE("Python: strings and bytes have the quotes and escapes of repr") {
  CHECK(python_text("") == "''");
  CHECK(python_text("Grüße, 世界") == "'Grüße, 世界'");
  CHECK(python_text("it's") == R"("it's")");
  CHECK(python_text("\"a\"") == R"('"a"')");
  CHECK(python_text("'a\"") == R"('\'a"')");
  CHECK(python_text("\\\n\r\t\a") == R"('\\\n\r\t\x07')");
  CHECK(python_text(std::string("\0\x1b[31m\x7f", 7)) == R"('\x00\x1b[31m\x7f')");
  CHECK(python_text("\u00a0\u00ad\u00a1") == R"('\xa0\xad¡')");
  CHECK(python_text("\u202e\ufeff\U000e0041") == R"('\u202e\ufeff\U000e0041')");
  CHECK(python_text("\xff") == R"('\udcff')");
  CHECK(python_text(Buffer()) == "b''");
  CHECK(python_text(Buffer::copy_of("a'\xff\n\\~")) == R"(b"a'\xff\n\\~")");
  CHECK(python_text(Buffer::copy_of("'\"")) == R"(b'\'"')");
}

TEST_CASE("Python: lists and dicts keep their order, and a key that is a list was a tuple") {
  CHECK(python_text(List{}) == "[]");
  CHECK(python_text(Map{}) == "{}");
  CHECK(python_text(List{1, "a", List{nullptr}}) == "[1, 'a', [None]]");
  CHECK(python_text(Map{{"b", 1}, {"a", 2.0}}) == "{'b': 1, 'a': 2.0}");
  CHECK(python_text(Map{{1, "a"}, {nullptr, true}}) == "{1: 'a', None: True}");
  CHECK(python_text(Map{{List{1, List{"x"}}, 0}, {List{}, 1}}) == "{(1, ('x',)): 0, (): 1}");
}

TEST_CASE("Python: what does not fit on a line is indented") {
  const Value value = Map{{"name", "x"}, {"items", List{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}};
  CHECK(python_text(value, 60) == "{'name': 'x', 'items': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}");
  CHECK(python_text(value, 30) ==
        "{\n"
        "  'name': 'x',\n"
        "  'items': [\n"
        "    1, 2, 3, 4, 5, 6, 7, 8, 9,\n"
        "    10,\n"
        "  ],\n"
        "}");
  CHECK(python_text(List{List{}}, 1) == "[\n  [],\n]");
}

TEST_CASE("Python: tensors, errors and native values are summed up, complex numbers are not") {
  CHECK(python_text(tensor<double>(DType::float64, {2, 2}, {1, 2.5, 3, 4})) ==
        "<array(float64, shape (2, 2)): 1.0, 2.5, 3.0, 4.0>");
  CHECK(python_text(tensor<std::int8_t>(DType::int8, {10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) ==
        "<array(int8, shape (10,)): 0, 1, 2, 3, 4, 5, 6, 7, ...>");
  CHECK(python_text(tensor<std::uint8_t>(DType::bool8, {2, 1}, {1, 0})) ==
        "<array(bool, shape (2, 1)): True, False>");
  CHECK(python_text(tensor<float>(DType::float32, {0}, {})) == "<array(float32, shape (0,)):>");
  CHECK(python_text(tensor<float>(DType::float32, {}, {1})) == "<array(float32, shape ()): 1.0>");
  CHECK(python_text(tensor<double>(DType::complex128, {}, {1, -2.5})) == "(1-2.5j)");
  CHECK(python_text(tensor<double>(DType::complex128, {}, {0, 1e16})) == "1e+16j");
  CHECK(python_text(tensor<double>(DType::complex128, {}, {-0.0, 2})) == "(-0+2j)");
  CHECK(python_text(Failure{.message = "no\n"}) == "<error remote_exception: no?>");
  CHECK(python_text(Native{"pickle5", Buffer::copy_of("abc")}) == "<native pickle5, 3 bytes>");
}

TEST_CASE("values become JSON without losing what JSON can say") {
  CHECK(dump(to_json(Value(List{1, 1.0, "a", nullptr, false}))) == R"([1,1.0,"a",null,false])");
  CHECK(dump(to_json(Value(std::numeric_limits<std::int64_t>::min()))) == "-9223372036854775808");
  CHECK(dump(to_json(Value(List{HUGE_VAL, -HUGE_VAL, std::nan("")}))) ==
        R"([{"float":"inf"},{"float":"-inf"},{"float":"nan"}])");
  CHECK(dump(to_json(Value(Map{{"b", 1}, {"a", 2}}))) == R"({"a":2,"b":1})");
  CHECK(dump(to_json(Value(Map{{"b", 1}, {1, 2}}))) == R"({"map":[[1,2],["b",1]]})");
  CHECK(dump(to_json(Value(Buffer::copy_of("\xff\xfe\xfd\xfc")))) ==
        R"({"bytes_base64":"//79/A=="})");
  CHECK(dump(to_json(Value(tensor<std::int32_t>(DType::int32, {1, 2}, {5, -5})))) ==
        R"({"tensor":{"dtype":"int32","shape":[1,2],"data":[5,-5]}})");
  const auto large =
      to_json(Value(tensor<std::int8_t>(DType::int8, {2000}, std::vector<std::int8_t>(2000))));
  CHECK_FALSE(large.at("tensor").contains("data"));
}

TEST_CASE("base64 is that of RFC 4648") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("tables align their columns and let nothing move the cursor") {
  Table table({{"NAME"}, {"N", true}});
  table.add({"ä", "1"});
  table.add({"long\x1b", "100"});
  CHECK(table.text() ==
        "NAME     N\n"
        "ä        1\n"
        "long?  100\n");
}

TEST_CASE("figures have units for people") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(1023) == "1023 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(bytes_text(std::uint64_t{20} << 30) == "20 GiB");
  CHECK(duration_text(0) == "0 ms");
  CHECK(duration_text(0.25) == "250 ms");
  CHECK(duration_text(0.9999) == "1.0 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(59.6) == "1 min");
  CHECK(duration_text(200) == "3 min 20 s");
  CHECK(duration_text(7500) == "2 h 5 min");
  CHECK(duration_text(90000) == "1 d 1 h");
}

TEST_CASE("top shows what needs attention first, within the window") {
  Kernels kernels;
  const auto now = Kernels::Clock::now();
  kernels.replace({kernel(1, KernelState::idle), kernel(2, KernelState::busy),
                   kernel(3, KernelState::unresponsive), kernel(4, KernelState::busy)},
                  now);
  kernels.update(kernel(4, KernelState::busy, 0.5), now + std::chrono::seconds(1));
  const auto rows = kernels.sorted();
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]->info.id.value == 3);
  CHECK(rows[1]->info.id.value == 4);
  CHECK(rows[1]->cpu_percent.value_or(0) == doctest::Approx(50));
  CHECK(rows[3]->info.id.value == 1);

  const WindowSize small{30, 7};
  const auto lines = top_frame(kernels, "/run/x", small);
  CHECK(lines.size() == 7);
  for (const std::string& line : lines) CHECK(columns(line) <= 30);
  CHECK(lines.back().starts_with("3 more"));

  kernels.replace({kernel(1, KernelState::idle)}, now);
  CHECK(kernels.sorted().size() == 1);
}

TEST_CASE("top shows the dead for a few seconds, and those that it has not seen alive not at all") {
  Kernels kernels;
  const auto now = Kernels::Clock::now();
  kernels.replace({kernel(1, KernelState::dead), kernel(2, KernelState::idle)}, now);
  CHECK(kernels.sorted().size() == 1);
  const std::vector<KernelInfo> both{kernel(1, KernelState::dead), kernel(2, KernelState::dead)};
  kernels.replace(both, now + std::chrono::seconds(1));
  REQUIRE(kernels.sorted().size() == 1);
  CHECK(kernels.sorted().front()->info.id.value == 2);
  kernels.replace(both, now + std::chrono::seconds(60));
  CHECK(kernels.sorted().empty());
  kernels.replace(both, now + std::chrono::seconds(62));
  CHECK(kernels.sorted().empty());
}

TEST_CASE("history keeps entries of many lines, and stays short") {
  const test::Nest nest;
  HistoryFile file(nest.path() / "deep" / "history");
  CHECK(file.load().empty());
  file.append("for i = 1, 2 do\n  print('\\n')\nend");
  file.append("x");
  CHECK(file.load() == std::vector<std::string>{"for i = 1, 2 do\n  print('\\n')\nend", "x"});
  for (std::size_t i = 0; i < 2 * HistoryFile::kKept; ++i) file.append(std::to_string(i));
  CHECK(file.load().size() == HistoryFile::kKept);
  CHECK(file.load().back() == std::to_string(2 * HistoryFile::kKept - 1));
}
