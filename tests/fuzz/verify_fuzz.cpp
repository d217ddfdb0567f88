// Any bytes, as frames: `verify` must stay inside them, and what it lets through every reader must
// be able to read, and to write again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "oast/codec.hpp"
#include "packet_file.hpp"

namespace {

using namespace oast;

void require(bool fact, std::string_view what) {
  if (fact) return;
  std::cerr << "not so: " << what << '\n';
  std::abort();
}

/// Reads every field of the message, by the generated code.
void unpack(const wire::Message& message) {
  const std::unique_ptr<wire::MessageT> all(message.UnPack());
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::Message::Pack(builder, all.get()), wire::MessageIdentifier());
}

/// A value that was read can be written and passes verification again. What it is then may differ
/// only where numbers are not numbers.
void write_again(const Value& value) {
  wire::Writer writer;
  const auto offset = writer.value(value);
  const wire::Packet packet =
      writer.finish(RequestId{1}, wire::CreateResult(writer.builder(), offset));
  require(!wire::verify(packet), "a value that was read can be written");
}

void read_values(const wire::Message& message, std::span<const Buffer> buffers) {
  if (const auto* eval = message.body_as_Eval()) {
    for (const Value& value : wire::read(eval->args(), buffers)) write_again(value);
  }
  if (const auto* call = message.body_as_Call()) {
    for (const Value& value : wire::read(call->args(), buffers)) write_again(value);
  }
  if (const auto* result = message.body_as_Result()) {
    write_again(wire::read(result->value(), buffers));
  }
  if (const auto* put = message.body_as_ChannelPut()) {
    write_again(wire::read(put->value(), buffers));
  }
  if (const auto* failure = message.body_as_Failure()) {
    const Failure read = wire::read(*failure);
    require(!wire::verify(wire::pack(RequestId{1}, read)), "a failure can be passed on");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer names it
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::Packet packet = oast::testing::to_packet({reinterpret_cast<const char*>(data), size});
  const auto problem = wire::verify(packet);
  if (problem == wire::kUnknownBody) {
    static_cast<void>(packet.root().id());
    return 0;
  }
  if (problem) return 0;
  unpack(packet.root());
  const auto buffers = wire::share(std::move(packet.buffers));
  read_values(packet.root(), buffers);
  return 0;
}
