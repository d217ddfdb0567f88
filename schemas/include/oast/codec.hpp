// Building and verifying messages. Nothing here does input or output.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "oast/ids.hpp"
#include "oast/value.hpp"
#include "oast/verify_cost.hpp"
// After verify_cost.hpp.
#include "oast/oast_generated.h"

namespace oast::wire {

inline constexpr std::uint16_t kVersion = 1;

/// What a receiver takes. Sizes in bytes. PROTOCOL.md, "Limits".
struct Limits {
  std::size_t message_bytes = 64u << 20;
  std::size_t buffer_count = 1024;
  /// One buffer. libzmq breaks a connection that brings a larger one, so nobody may send it.
  std::size_t buffer_bytes = std::size_t{2} << 30;
  std::size_t total_bytes = std::size_t{4} << 30;  ///< message and buffers together
  unsigned depth = 64;                             ///< nested tables
  unsigned tables = 4u << 20;
};

/// One message without its address: the FlatBuffer and the buffers it refers to by index.
struct Packet {
  zmq::message_t message;
  std::vector<zmq::message_t> buffers;

  /// The FlatBuffer's root. Precondition: built here, or passed `verify`. Moving the packet may
  /// move it: libzmq keeps short messages inside the message_t.
  const Message& root() const { return *GetMessage(message.data()); }
  std::size_t bytes() const;
};

/// Where the bytes of a message must start in memory. libzmq hands out small received frames at any
/// address; `receive_frames` and `receive` align them.
inline constexpr std::size_t kAlignment = 8;
/// Moves the frame's bytes to an aligned place unless they are there already.
void align(zmq::message_t& frame);

/// What tells a message that cannot be read: whose it is and of what type.
struct Head {
  RequestId id;
  Body body = Body::NONE;  ///< beyond Body::MAX: of a later version
  std::uint64_t number = 0;
};
/// Of a message that need not have passed `verify`. Empty when not even that can be read.
Head read_head(const Packet& packet);

/// What `verify` says of a message that is in order except that its body's number is unknown here.
/// Its id may be read, so that it can be answered `unimplemented`.
inline constexpr std::string_view kUnknownBody = "the body is of an unknown type";

/// Says what is wrong with a message, or nothing. Checks sizes and alignment, the identifier, every
/// offset, depth and table count, that a body is there, that every Value inside is well-formed
/// (kind known, fields of its kind present, keys match items, buffer indices in range, tensor sizes
/// agree with their buffers), and that nothing is referred to so often that reading it would take
/// much more memory than the message has. Never reads outside the packet, whatever its bytes are.
/// Linear in the packet's size.
///
/// What it leaves to readers: strings, lists and tables may be absent, which means empty (see
/// `text`); enumerators outside of Value may have numbers that are unknown here; text need not be
/// UTF-8.
std::optional<std::string_view> verify(const Packet& packet, const Limits& limits = {});

/// A place for a number that is not known yet.
inline constexpr std::uint64_t kNumberLater = ~std::uint64_t{0};

/// Writes one message. Bytes of `kInlineBytes` or more and tensors go into buffer frames, without
/// being copied from `kInlineBytes` on. Not thread-safe; cheap to keep and reuse after `finish`.
///
/// Whatever it writes passes `verify` with the same limits; what would not throws Error(invalid),
/// and the Writer is then empty again.
class Writer {
 public:
  static constexpr std::size_t kInlineBytes = 4096;
  /// Text that is shorter is in the message, and longer text too when all buffers are taken.
  static constexpr std::size_t kInlineText = std::size_t{1} << 20;

  Writer() = default;
  explicit Writer(const Limits& limits) : limits_(limits) {}

  flatbuffers::FlatBufferBuilder& builder() { return builder_; }
  flatbuffers::Offset<wire::Value> value(const oast::Value& value);
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Value>>> values(
      std::span<const oast::Value> values);
  /// Text of any size: the builder itself must not be given text that may be enormous.
  flatbuffers::Offset<flatbuffers::String> string(std::string_view text);
  /// The bytes as a frame of their own, which is not copied unless it is small; its index.
  std::int32_t buffer(const Buffer& bytes) { return add_buffer(bytes); }
  /// `number`: of a record; kNumberLater when `set_number` gives it.
  template <class Table>
  Packet finish(RequestId id, flatbuffers::Offset<Table> body, std::uint64_t number = 0) {
    return finish(id, BodyTraits<Table>::enum_value, body.Union(), number);
  }

 private:
  using ValueOffset = flatbuffers::Offset<wire::Value>;
  using ValueOffsets = flatbuffers::Offset<flatbuffers::Vector<ValueOffset>>;
  class ValueWriter;
  friend ValueWriter;

  Packet finish(RequestId id, Body type, flatbuffers::Offset<void> body, std::uint64_t number);
  zmq::message_t take_message();
  void reserve(std::size_t bytes);
  std::int32_t add_buffer(const Buffer& buffer);
  void clear();

  Limits limits_;
  flatbuffers::FlatBufferBuilder builder_{512};
  std::vector<zmq::message_t> buffers_;
  std::size_t buffer_bytes_ = 0;
  std::size_t tables_ = 0;  // as `verify` will count those of values
  /// Offsets of the items of lists that are being written, the innermost list's last.
  std::vector<ValueOffset> items_;
};

/// Writes a message from its generated object form: `pack(id, PingT{...})`. Throws Error(invalid)
/// when it is too large.
template <class Object>
Packet pack(RequestId id, const Object& object, std::uint64_t number = 0) {
  Writer writer;
  return writer.finish(id, Object::TableType::Pack(writer.builder(), &object), number);
}
/// Gives a record its number. Precondition: it was written with kNumberLater or another number.
void set_number(Packet& packet, std::uint64_t number);

/// Frees buffers to be shared by values: after `share`, `packet.buffers` is empty.
std::vector<Buffer> share(std::vector<zmq::message_t>&& buffers);

/// Reads a value of a verified message. `buffers` are the message's, from `share`.
oast::Value read(const wire::Value* value, std::span<const Buffer> buffers);
std::vector<oast::Value> read(const flatbuffers::Vector<flatbuffers::Offset<wire::Value>>* values,
                              std::span<const Buffer> buffers);

oast::Failure read(const wire::Failure& failure);
oast::Death read(const wire::Death* death);
flatbuffers::Offset<wire::Failure> write(flatbuffers::FlatBufferBuilder& builder,
                                         const oast::Failure& failure);
/// With texts of bounded length.
wire::DeathT to_wire(const oast::Death& death);
/// A whole Failure message.
Packet pack(RequestId id, const oast::Failure& failure, std::uint64_t number = 0);

inline std::string_view text(const flatbuffers::String* s) {
  return s ? std::string_view{s->data(), s->size()} : std::string_view{};
}

}  // namespace oast::wire
