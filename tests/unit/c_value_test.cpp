// Values between C++ and C.
#include "oast/c_value.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages.hpp"

namespace {

using oast::Buffer;
using oast::CValues;
using oast::Error;
using oast::Failure;
using oast::FailureKind;
using oast::from_c;
using oast::Value;
using oast::testing::every_kind;

std::string refusal(const std::vector<oast_node>& nodes) {
  try {
    from_c({nodes.data(), nodes.size()});
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::invalid);
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("every kind of value is the same after it was C") {
  const Value value(every_kind());
  const CValues c({value});
  CHECK(from_c(c.get()) == value);
  const CValues many({value, 7, "x"});
  CHECK(from_c(many.get(), 3) == std::vector<Value>{value, 7, "x"});
  CHECK(from_c(oast_value{nullptr, 0}) == Value());
}

TEST_CASE("data crosses to C and back without being copied when somebody lends it") {
  const auto bytes = Buffer::copy_of("some bytes");
  CValues c({Value(bytes)});
  CHECK(c.get().nodes[0].data == bytes.bytes().data());
  const CValues moved = std::move(c);
  CHECK(moved.get().nodes[0].data == bytes.bytes().data());

  auto lender = std::make_shared<int>();
  const std::weak_ptr<int> lent = lender;
  Value back = from_c(moved.get(), std::exchange(lender, nullptr));
  CHECK(back.as<Buffer>().bytes().data() == bytes.bytes().data());
  CHECK_FALSE(lent.expired());
  back = {};
  CHECK(lent.expired());
  CHECK(from_c(moved.get()).as<Buffer>().bytes().data() != bytes.bytes().data());
}

TEST_CASE("a long list of numbers is one node in C, and the same list after it") {
  const std::array<std::int64_t, 3> numbers{1, -2, INT64_MAX};
  const std::array<double, 2> reals{-0.0, 0.5};
  const std::array<char, 3> booleans{0, 1, 2};
  const auto packed = [](std::uint32_t dtype, const auto& items) {
    const oast_node node{.kind = OAST_PACKED,
                         .dtype = dtype,
                         .data = items.data(),
                         .size = items.size() * sizeof items[0],
                         .count = items.size()};
    return from_c(oast_value{&node, 1});
  };
  const Value integers = packed(OAST_DTYPE_INT64, numbers);
  CHECK(integers == Value(Value::List{1, -2, INT64_MAX}));
  CHECK(packed(OAST_DTYPE_FLOAT64, reals) == Value(Value::List{-0.0, 0.5}));
  CHECK(packed(OAST_DTYPE_BOOL8, booleans) == Value(Value::List{false, true, true}));

  const CValues c({integers});
  REQUIRE(c.get().count == 1);
  const oast_node& node = c.get().nodes[0];
  CHECK(node.kind == OAST_PACKED);
  CHECK(node.count == 3);
  CHECK(node.data == integers.packed()->data().bytes().data());
  CHECK(from_c(c.get()) == integers);
}

TEST_CASE("a death is the same after it was C") {
  const Failure failure{FailureKind::kernel_died,
                        "it died",
                        "T",
                        {"outer", "inner"},
                        {oast::DeathCause::signalled, -1, 9, "SIGKILL", "killed", "last words"}};
  const oast::CFailure c(failure);
  CHECK(from_c(*c.get()) == failure);
}

TEST_CASE("nodes that are no value are refused with the reason") {
  CHECK(refusal({{.kind = OAST_LIST, .count = 2}, {.kind = OAST_NIL}}) ==
        "these nodes are no value: a list has more items than there are nodes");
  CHECK(refusal({{.kind = OAST_LIST, .count = UINT64_MAX}}) ==
        "these nodes are no value: a list has more items than there are nodes");
  CHECK(refusal({{.kind = OAST_MAP, .count = 1}, {.kind = OAST_NIL}}) ==
        "these nodes are no value: a map has more pairs than there are nodes");
  CHECK(refusal({{.kind = OAST_LIST, .count = 1}, {.kind = OAST_LIST, .count = 1}}) ==
        "these nodes are no value: a list has more items than there are nodes");
  CHECK(refusal({{.kind = OAST_NIL}, {.kind = OAST_NIL}}) ==
        "these nodes are no value: there are more than their counts say");
  CHECK(refusal({{.kind = 99}}) == "these nodes are no value: there is no kind 99");
  CHECK(refusal({{.kind = OAST_STRING, .size = 3}}) ==
        "these nodes are no value: data is NULL and its size is not 0");
  CHECK(refusal({{.kind = OAST_ERROR}}) ==
        "these nodes are no value: an error without its failure");
  CHECK(refusal({{.kind = OAST_NATIVE}}) ==
        "these nodes are no value: native data without the name of its format");
  CHECK(refusal({{.kind = OAST_NATIVE, .count = 1, .format = "f"}, {.kind = OAST_NIL}}) ==
        "these nodes are no value: native data has a buffer that is no bytes");
  CHECK(refusal({{.kind = OAST_TENSOR, .dtype = 14}}) ==
        "these nodes are no value: there is no dtype 14");
  CHECK(refusal({{.kind = OAST_PACKED, .dtype = 14}}) ==
        "these nodes are no value: there is no dtype 14");
  CHECK(refusal({{.kind = OAST_PACKED, .dtype = OAST_DTYPE_INT8}}) ==
        "these nodes are no value: a packed list has items of bool8, int64 or float64, not int8");
  CHECK(refusal({{.kind = OAST_PACKED, .dtype = OAST_DTYPE_INT64, .size = 12, .count = 2}}) ==
        "these nodes are no value: a packed list of 2 items of int64 has not 12 bytes");
  CHECK(refusal({{.kind = OAST_PACKED, .dtype = OAST_DTYPE_INT64, .size = 8, .count = 1}}) ==
        "these nodes are no value: data is NULL and its size is not 0");
  const std::array<std::int64_t, 2> shape{2, 2};
  CHECK(refusal({{.kind = OAST_TENSOR,
                  .dtype = OAST_DTYPE_INT8,
                  .size = 3,
                  .count = 2,
                  .shape = shape.data()}}) ==
        "these nodes are no value: a tensor of that shape and dtype has not 3 bytes");
  std::vector<oast_node> deep(100, {.kind = OAST_LIST, .count = 1});
  deep.push_back({.kind = OAST_NIL});
  CHECK(refusal(deep) == "these nodes are no value: it is nested deeper than 64");
}
