// Messages for the tests of the codec: values of every kind, and parts no honest writer makes.
#pragma once

#include <string>
#include <vector>

#include "oast/codec.hpp"

namespace oast::testing {

inline Value nested_list(unsigned depth) {
  Value value(1);
  for (unsigned i = 1; i < depth; ++i) value = Value(Value::List{std::move(value)});
  return value;
}

inline Tensor tensor(DType dtype, std::vector<std::int64_t> shape) {
  std::string data(*byte_size(dtype, shape), '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(37 * i);
  return {dtype, std::move(shape), Buffer::copy_of(data)};
}

/// One value of each kind, small and large.
inline Value::List every_kind() {
  const Failure failure{FailureKind::kernel_died,
                        "it died",
                        "Death",
                        {"one", "two"},
                        {DeathCause::signalled, -1, 9, "SIGKILL", "killed", "last words"}};
  return {nullptr,
          true,
          false,
          INT64_MIN,
          INT64_MAX,
          -0.5,
          "",
          std::string("a\0\u00e9", 4),
          Buffer::copy_of("few bytes"),
          Buffer::copy_of(std::string(10000, 'b')),
          Value::List{},
          Value::List{1, Value::List{"x"}},
          Value::Map{},
          Value::Map{{"k", 1}, {2, Value::Map{{nullptr, true}}}},
          tensor(DType::float64, {}),
          tensor(DType::complex64, {0, 5}),
          tensor(DType::int16, {3, 2}),
          tensor(DType::uint8, {100, 100}),
          failure,
          Native{"pickle5", Buffer::copy_of("small")},
          Native{"julia-serialization", Buffer::copy_of(std::string(5000, 'n'))}};
}

inline wire::Packet result(wire::Writer& writer, const Value& value, std::uint64_t id = 7) {
  const auto offset = writer.value(value);
  return writer.finish(RequestId{id}, wire::CreateResult(writer.builder(), offset));
}

inline wire::Packet result(const Value& value) {
  wire::Writer writer;
  return result(writer, value);
}

/// A Result with any Value at all: `make(builder)` gives its offset.
template <class Make>
wire::Packet raw_result(Make make, std::size_t buffers = 0, std::size_t buffer_bytes = 8) {
  wire::Writer writer;
  const auto value = make(writer.builder());
  wire::Packet packet = writer.finish(RequestId{7}, wire::CreateResult(writer.builder(), value));
  for (std::size_t i = 0; i < buffers; ++i) packet.buffers.emplace_back(buffer_bytes);
  return packet;
}

/// The value of a Result, whose buffers it takes.
inline Value read_result(wire::Packet& packet) {
  const auto buffers = wire::share(std::move(packet.buffers));
  return wire::read(packet.root().body_as_Result()->value(), buffers);
}

}  // namespace oast::testing
