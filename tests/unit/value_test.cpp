// Values, their conversions, and errors.
#include "oast/value.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <thread>

#include "oast/error.hpp"

using oast::Buffer;
using oast::DType;
using oast::Error;
using oast::Failure;
using oast::FailureKind;
using oast::Native;
using oast::PackedList;
using oast::Tensor;
using oast::Value;

namespace {

/// What the Error says that `f` throws. Its kind must be `invalid`.
std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::invalid);
    return error.what();
  }
  return "nothing was thrown";
}

template <class T>
std::string refusal(const Value& value) {
  return refusal([&] { value.as<T>(); });
}

PackedList packed(const std::vector<std::int64_t>& items) {
  return {DType::int64, Buffer::copy_of(std::as_bytes(std::span(items)))};
}

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

}  // namespace

TEST_CASE("a value is made from each C++ type as the kind that holds it") {
  CHECK(Value().kind_name() == "nil");
  CHECK(Value(nullptr).kind_name() == "nil");
  CHECK(Value(true).kind_name() == "boolean");
  CHECK(Value(1).kind_name() == "integer");
  CHECK(Value(std::uint8_t{1}).kind_name() == "integer");
  CHECK(Value(1.0).kind_name() == "float");
  CHECK(Value(1.0F).kind_name() == "float");
  CHECK(Value("a").kind_name() == "string");
  CHECK(Value(std::string_view("a")).kind_name() == "string");
  CHECK(Value(Buffer::copy_of("a")).kind_name() == "bytes");
  CHECK(Value(std::vector<int>{1, 2}) == Value(Value::List{1, 2}));
  CHECK(Value(std::vector<bool>{true, false}) == Value(Value::List{true, false}));
  CHECK(Value(std::map<std::string, double>{{"a", 1.5}}) == Value(Value::Map{{"a", 1.5}}));
  CHECK(Value(Tensor{}).kind_name() == "tensor");
  CHECK(Value(Failure{}).kind_name() == "error");
  CHECK(Value(Native{"pickle5", {}}).kind_name() == "native");
}

TEST_CASE("nothing becomes a value by accident") {
  static_assert(!std::is_constructible_v<Value, void*>);  // would be the boolean true
  static_assert(!std::is_constructible_v<Value, char>);   // a number or a string?
  static_assert(!std::is_constructible_v<Value, FailureKind>);
}

TEST_CASE("an unsigned integer beyond int64 is refused") {
  CHECK(Value(std::uint64_t{1} << 62) == Value(std::int64_t{1} << 62));
  CHECK(refusal([] { Value(std::uint64_t{1} << 63); }) ==
        "9223372036854775808 is too large for an int64");
}

TEST_CASE("a value converts to its own type without loss") {
  CHECK(Value(true).as<bool>());
  CHECK(Value(kMin).as<std::int64_t>() == kMin);
  CHECK(Value(0.1).as<double>() == 0.1);
  CHECK(Value(std::string("a\0b", 3)).as<std::string>() == std::string("a\0b", 3));
  CHECK(Value(Buffer::copy_of("ab")).as<Buffer>().view() == "ab");
  CHECK(Value(Value::List{1, "a"}).as<Value::List>() == Value::List{1, "a"});
  CHECK(Value(Value::Map{{1, "a"}}).as<Value::Map>() == Value::Map{{1, "a"}});
  CHECK(Value(Tensor{DType::int8, {0}, {}}).as<Tensor>() == Tensor{DType::int8, {0}, {}});
  CHECK(Value(Native{"f", {}}).as<Native>() == Native{"f", {}});
  const Failure failure{FailureKind::timeout, "late", "T", {"line"}, {}};
  CHECK(Value(failure).as<Failure>() == failure);
  CHECK(Value(7).as<Value>() == Value(7));
}

TEST_CASE("integers narrow only when they fit") {
  CHECK(Value(127).as<std::int8_t>() == 127);
  CHECK(Value(-128).as<std::int8_t>() == -128);
  CHECK(refusal<std::int8_t>(128) == "wanted an int8, got the integer 128");
  CHECK(refusal<std::int8_t>(-129) == "wanted an int8, got the integer -129");
  CHECK(Value(255).as<std::uint8_t>() == 255);
  CHECK(refusal<std::uint8_t>(256) == "wanted a uint8, got the integer 256");
  CHECK(refusal<std::uint64_t>(-1) == "wanted a uint64, got the integer -1");
  CHECK(Value(kMax).as<std::uint64_t>() == static_cast<std::uint64_t>(kMax));
  CHECK(refusal<int>(std::int64_t{1} << 31) == "wanted an int32, got the integer 2147483648");
}

TEST_CASE("a float becomes an integer only when it is whole and in range") {
  CHECK(Value(3.0).as<int>() == 3);
  CHECK(Value(-0.0).as<unsigned>() == 0);
  CHECK(Value(-9223372036854775808.0).as<std::int64_t>() == kMin);
  CHECK(refusal<int>(3.5) == "wanted an int32, got the float 3.5");
  CHECK(refusal<std::int64_t>(9223372036854775808.0) ==
        "wanted an int64, got the float 9223372036854775808.0");
  CHECK(refusal<int>(std::nan("")) == "wanted an int32, got the float nan");
  CHECK(refusal<int>(-INFINITY) == "wanted an int32, got the float -inf");
}

TEST_CASE("an integer becomes a float only when that is exact") {
  const std::int64_t exact = std::int64_t{1} << 53;
  CHECK(Value(exact).as<double>() == 9007199254740992.0);
  CHECK(Value(kMin).as<double>() == -9223372036854775808.0);
  CHECK(refusal<double>(exact + 1) ==
        "wanted a number that a float64 holds exactly, got the integer 9007199254740993");
  CHECK(refusal<double>(kMax) ==
        "wanted a number that a float64 holds exactly, got the integer 9223372036854775807");
  CHECK(Value(1 << 24).as<float>() == 16777216.0F);
  CHECK(refusal<float>((1 << 24) + 1) ==
        "wanted a number that a float32 holds exactly, got the integer 16777217");
}

TEST_CASE("a float becomes a smaller one, rounded, when it is in range") {
  CHECK(Value(0.1).as<float>() == 0.1F);
  CHECK(std::isinf(Value(INFINITY).as<float>()));
  CHECK(std::isnan(Value(std::nan("")).as<float>()));
  CHECK(refusal<float>(1e300) == "wanted a float32, got the float 1e+300");
}

TEST_CASE("a boolean is no number and no number is a boolean") {
  CHECK(refusal<int>(true) == "wanted an int32, got the boolean true");
  CHECK(refusal<double>(false) == "wanted a number, got the boolean false");
  CHECK(refusal<bool>(1) == "wanted a boolean, got the integer 1");
}

TEST_CASE("lists, maps and optionals convert all the way down") {
  const Value value(Value::List{Value::Map{{"a", Value::List{1, nullptr}}}, Value::Map{}});
  using Item = std::map<std::string, std::vector<std::optional<int>>>;
  CHECK(value.as<std::vector<Item>>() == std::vector<Item>{{{"a", {1, std::nullopt}}}, {}});
  CHECK(Value().as<std::optional<std::string>>() == std::nullopt);
  CHECK(Value("a").as<std::optional<std::string>>() == "a");
  CHECK(Value(Value::List{true, false}).as<std::vector<bool>>() == std::vector<bool>{true, false});
}

TEST_CASE("an empty list is an empty map too, and the reverse") {
  CHECK(Value(Value::List{}).as<std::map<std::string, int>>().empty());
  CHECK(Value(Value::Map{}).as<std::vector<int>>().empty());
  CHECK(refusal<std::vector<int>>(Value::Map{{"a", 1}}) == "wanted a list, got a map of 1 entry");
}

TEST_CASE("of equal keys the last one counts") {
  CHECK(Value(Value::Map{{"a", 1}, {"a", 2}}).as<std::map<std::string, int>>().at("a") == 2);
}

TEST_CASE("a failed conversion names the place, what was wanted and what was found") {
  using People = std::vector<std::map<std::string, std::string>>;
  const Value::Map ann{{"name", "Ann"}};
  CHECK(refusal<People>(Value::List{ann, ann, Value::Map{{"name", 7}}}) ==
        "at [2].name: wanted a string, got the integer 7");
  CHECK(refusal<People>(7) == "wanted a list, got the integer 7");
  CHECK(refusal<std::map<std::string, int>>(Value::Map{{7, 1}}) ==
        "at [key: the integer 7]: wanted a string, got the integer 7");
  CHECK(refusal<std::vector<std::vector<int>>>(Value::List{Value::List{1, "x"}}) ==
        "at [0][1]: wanted an int32, got the string \"x\"");
  CHECK(refusal<std::vector<std::optional<int>>>(Value::List{nullptr, "x"}) ==
        "at [1]: wanted an int32, got the string \"x\"");
}

TEST_CASE("a packed list is a list to all who ask") {
  const Value value(packed({1, 2, 3}));
  CHECK(value.packed() != nullptr);
  CHECK(value.kind_name() == "list");
  CHECK(value == Value(Value::List{1, 2, 3}));
  CHECK(Value(Value::List{1, 2, 3}) == value);
  CHECK(value != Value(packed({1, 2})));
  CHECK(value.as<std::vector<int>>() == std::vector<int>{1, 2, 3});
  CHECK(value.as<Value::List>() == Value::List{1, 2, 3});
  CHECK(std::get<Value::List>(value.variant()).size() == 3);
  CHECK(&value.variant() == &value.variant());
  CHECK(Value(packed({})).as<std::map<std::string, int>>().empty());
  CHECK(refusal<std::vector<bool>>(value) == "at [0]: wanted a boolean, got the integer 1");

  Value mine = value;
  std::get<Value::List>(mine.variant()).push_back(4);
  CHECK(mine == Value(Value::List{1, 2, 3, 4}));
  CHECK(value == Value(Value::List{1, 2, 3}));
  const Value moved = std::move(mine);
  CHECK(moved.as<std::vector<int>>().size() == 4);

  CHECK(refusal([] { PackedList(DType::int32, {}); }) ==
        "a packed list has items of bool8, int64 or float64, not int32");
  CHECK(refusal([] { PackedList(DType::float64, Buffer::copy_of("123456789")); }) ==
        "a packed list ends within an item");
}

TEST_CASE("a packed list may be looked at by many threads at once") {
  const Value value(packed(std::vector<std::int64_t>(100'000, 7)));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, copy = value] {
      if (std::get<Value::List>(copy.variant()).back() == Value(7)) ++right;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 4);
}

TEST_CASE("every kind of value describes itself shortly") {
  CHECK(Value().describe() == "nil");
  CHECK(Value(1e21).describe() == "the float 1e+21");
  CHECK(Value(2.0).describe() == "the float 2.0");
  CHECK(Value(std::string(1000, 'x')).describe().size() < 70);
  CHECK(Value("a\nb").describe() == "the string \"a b\"");
  CHECK(Value(Buffer::copy_of("a")).describe() == "1 byte");
  CHECK(Value(Value::List{1, 2}).describe() == "a list of 2 items");
  CHECK(Value(packed({1, 2})).describe() == "a list of 2 items");
  CHECK(Value(Tensor{DType::float32, {2, 3}, {}}).describe() ==
        "a tensor of float32 with shape [2, 3]");
  CHECK(Value(Failure{FailureKind::timeout, "late", {}, {}, {}}).describe() ==
        "the error \"late\"");
  CHECK(Value(Native{"pickle5", {}}).describe() == "native data in the format \"pickle5\"");
}

TEST_CASE("a text that is cut in a description is cut between characters") {
  std::string text(39, 'x');
  text += "\u00e9 and more";
  CHECK(Value(text).describe() == "the string \"" + std::string(39, 'x') + "\"...");
}

TEST_CASE("find looks for string keys of maps only") {
  const Value value(Value::Map{{1, "one"}, {"a", 1}, {nullptr, 2}});
  REQUIRE(value.find("a") != nullptr);
  CHECK(*value.find("a") == Value(1));
  CHECK(value.find("1") == nullptr);
  CHECK(Value(7).find("a") == nullptr);
}

TEST_CASE("a copied buffer shares its bytes and a moved value keeps its error") {
  const auto buffer = Buffer::copy_of("abc");
  const Buffer copy = buffer;  // NOLINT(performance-unnecessary-copy-initialization): the point
  CHECK(copy.bytes().data() == buffer.bytes().data());
  Value error(Failure{FailureKind::timeout, "late", {}, {}, {}});
  const Value moved = std::move(error);
  CHECK(moved.as<Failure>().message == "late");
}

TEST_CASE("the size of a tensor is refused when it is negative or overflows") {
  using Shape = std::vector<std::int64_t>;
  CHECK(byte_size(DType::complex128, Shape{}) == 16);
  CHECK(byte_size(DType::float32, Shape{2, 3}) == 24);
  CHECK(byte_size(DType::float32, Shape{2, 0, kMax}) == 0);
  CHECK(byte_size(DType::float32, Shape{kMax, 2}) == std::nullopt);
  CHECK(byte_size(DType::int8, Shape{0, -1}) == std::nullopt);
}

TEST_CASE("every failure is thrown as the class of its kind") {
  const auto raise = [](FailureKind kind) { oast::raise(Failure{kind, "m", {}, {}, {}}); };
  CHECK_THROWS_AS(raise(FailureKind::remote_exception), oast::RemoteException);
  CHECK_THROWS_AS(raise(FailureKind::kernel_died), oast::TerminatedWorkerException);
  for (int i = 1; i <= 10; ++i) {
    const auto kind = static_cast<FailureKind>(i);
    CAPTURE(to_string(kind));
    CHECK(to_string(kind) != "unknown");
    try {
      raise(kind);
    } catch (const Error& error) {
      CHECK(error.kind() == kind);
    }
  }
  CHECK(to_string(static_cast<FailureKind>(11)) == "unknown");
}

TEST_CASE("an error says what happened, and for a death how") {
  CHECK(std::string(Error(FailureKind::timeout, "too late").what()) == "too late");
  CHECK(std::string(Error(FailureKind::timeout, "").what()) == "timeout");
  Failure death{FailureKind::kernel_died, "the kernel lua-7 died", {}, {}, {}};
  death.death.explanation = "it was killed by SIGKILL";
  CHECK(std::string(Error(death).what()) == "the kernel lua-7 died: it was killed by SIGKILL");
  death.message += ": it was killed by SIGKILL";
  CHECK(std::string(Error(death).what()) == death.message);
}
