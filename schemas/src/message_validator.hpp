// What FlatBuffers' own verifier cannot know about a message.
#pragma once

#include <cstdint>
#include <string_view>

#include "oast/codec.hpp"

namespace oast::wire {

/// Whether lists are packed with this element type.
inline bool can_pack(DType dtype) {
  return dtype == DType::bool8 || dtype == DType::int64 || dtype == DType::float64;
}

/// Walks a message that FlatBuffers found well-formed: checks every Value, every index of a buffer,
/// and how large the message would be in memory.
///
/// FlatBuffers may refer to one part from many places, so that a short message unfolds to a huge
/// one. Some sharing is honest (the keys of equal maps); so a message may unfold to at most
/// `kUnfold` times its size. Hence every part counts here as often as it is referred to: a field
/// that is added to a table must be added to the table's `content`.
class MessageValidator {
 public:
  static constexpr std::size_t kUnfold = 4;

  explicit MessageValidator(const Packet& packet)
      : buffers_(packet.buffers), budget_(kUnfold * packet.message.size()) {
    for (const auto& buffer : buffers_) copied_budget_ += kUnfold * buffer.size();
  }

  /// What is wrong, or an empty text. Precondition: the body is there.
  std::string_view check(const Message& message) {
    return body(message) ? std::string_view{} : problem_;
  }

 private:
  bool body(const Message& message);

  bool fail(std::string_view problem) {
    problem_ = problem;
    return false;
  }
  bool spend(std::size_t bytes) {
    if (bytes > budget_) return fail("the message refers to its parts too often");
    budget_ -= bytes;
    return true;
  }

  /// Readers share a buffer that is bytes, but copy one that is a string, or the items of a list.
  bool spend_copied(std::size_t bytes) {
    if (bytes > copied_budget_) return fail("the message refers to its buffers too often");
    copied_budget_ -= bytes;
    return true;
  }

  template <class... Fields>
  bool fields(const Fields*... field) {
    return (part(field) && ...);
  }

  // Parts. A part that is absent is in order.

  bool part(const flatbuffers::String* text) { return text == nullptr || spend(text->size()); }
  bool part(const flatbuffers::Vector<std::uint8_t>* bytes) {
    return bytes == nullptr || spend(bytes->size());
  }
  bool part(const flatbuffers::Vector<std::int64_t>* numbers) {
    // Writers do not align an empty one.
    if (numbers == nullptr || numbers->size() == 0) return true;
    // FlatBuffers checks the alignment of the length only, which is four bytes.
    const auto address = reinterpret_cast<std::uintptr_t>(numbers->Data());
    if (address % alignof(std::int64_t) != 0) return fail("the message has misaligned numbers");
    return spend(numbers->size() * sizeof(std::int64_t));
  }
  template <class Item>
  bool part(const flatbuffers::Vector<flatbuffers::Offset<Item>>* items) {
    if (items == nullptr) return true;
    if (!spend(items->size() * sizeof(flatbuffers::uoffset_t))) return false;
    for (const Item* item : *items) {
      if (!part(item)) return false;
    }
    return true;
  }
  template <class Table>
  bool part(const Table* table) {
    return table == nullptr || content(*table);
  }

  // Tables.

  bool content(const Value& v);
  bool content_of_kind(const Value& v);
  bool tensor(const Value& v);
  bool native(const Value& v);
  bool packed(const Value& v);
  bool buffer_index(std::int32_t index) {
    if (index < 0 || static_cast<std::size_t>(index) < buffers_.size()) return true;
    return fail("the message refers to a buffer that it does not have");
  }

  /// Precondition: its index is in order.
  const zmq::message_t& buffer_of(const Value& v) const {
    return buffers_[static_cast<std::size_t>(v.buffer())];
  }

  bool content(const Failure& t) { return fields(t.message(), t.type(), t.traceback(), t.death()); }
  bool content(const Death& t) { return fields(t.signal_name(), t.explanation(), t.stderr_tail()); }
  bool content(const Hello& t) {
    return fields(t.token(), t.features(), t.name(), t.session(), t.session_secret());
  }
  bool content(const Welcome& t) { return fields(t.features(), t.ticket()); }
  bool content(const Join& t) { return fields(t.ticket()); }
  bool content(const EnvVar& t) { return fields(t.name(), t.value()); }
  bool content(const Start& t) {
    return fields(t.spec(), t.name(), t.env(), t.cwd(), t.exename(), t.exeflags());
  }
  bool content(const KernelInfo& t) {
    return fields(t.name(), t.spec(), t.death(), t.log_problem());
  }
  bool content(const Kernel& t) { return fields(t.info()); }
  bool content(const KernelEvent& t) { return fields(t.info()); }
  bool content(const Attach& t) { return fields(t.name()); }
  bool content(const Stopped& t) { return fields(t.death()); }
  bool content(const Listing& t) { return fields(t.kernels()); }
  bool content(const SpecInfo& t) {
    return fields(t.name(), t.language(), t.display_name(), t.argv(), t.problem(), t.features());
  }
  bool content(const Specs& t) { return fields(t.specs()); }
  bool content(const Eval& t) { return fields(t.code(), t.source_name(), t.args()); }
  bool content(const Call& t) { return fields(t.function(), t.source(), t.args()); }
  bool content(const Result& t) { return fields(t.value()); }
  bool content(const Output& t) { return fields(t.text(), t.bytes(), t.parts(), t.display_id()); }
  bool content(const MimePart& t) { return fields(t.mime(), t.text()) && buffer_index(t.buffer()); }
  bool content(const InputRequest& t) { return fields(t.prompt()); }
  bool content(const InputReply& t) { return fields(t.text(), t.bytes()); }
  bool content(const Complete& t) { return fields(t.code()); }
  bool content(const Completions& t) { return fields(t.matches()); }
  bool content(const Inspect& t) { return fields(t.code()); }
  bool content(const Inspection& t) { return fields(t.text()); }
  bool content(const IsComplete& t) { return fields(t.code()); }
  bool content(const Completeness& t) { return fields(t.indent()); }
  bool content(const ChannelPut& t) { return fields(t.value()); }
  bool content(const Ended& t) { return fields(t.death()); }
  bool content(const Resume& t) { return fields(t.kernels()); }
  static bool content(const Seen&) { return true; }

  const std::vector<zmq::message_t>& buffers_;
  std::size_t budget_;
  std::size_t copied_budget_ = 0;
  std::string_view problem_;
};

// One line for each member of the union, so that the compiler names the one that is missing.
// NOLINTNEXTLINE(readability-function-size)
inline bool MessageValidator::body(const Message& message) {
  switch (message.body_type()) {
    case Body::Hello:
      return part(message.body_as_Hello());
    case Body::Welcome:
      return part(message.body_as_Welcome());
    case Body::Join:
      return part(message.body_as_Join());
    case Body::Start:
      return part(message.body_as_Start());
    case Body::Kernel:
      return part(message.body_as_Kernel());
    case Body::Attach:
      return part(message.body_as_Attach());
    case Body::Stopped:
      return part(message.body_as_Stopped());
    case Body::Listing:
      return part(message.body_as_Listing());
    case Body::Specs:
      return part(message.body_as_Specs());
    case Body::Eval:
      return part(message.body_as_Eval());
    case Body::Call:
      return part(message.body_as_Call());
    case Body::Result:
      return part(message.body_as_Result());
    case Body::Failure:
      return part(message.body_as_Failure());
    case Body::Output:
      return part(message.body_as_Output());
    case Body::InputRequest:
      return part(message.body_as_InputRequest());
    case Body::InputReply:
      return part(message.body_as_InputReply());
    case Body::Complete:
      return part(message.body_as_Complete());
    case Body::Completions:
      return part(message.body_as_Completions());
    case Body::Inspect:
      return part(message.body_as_Inspect());
    case Body::Inspection:
      return part(message.body_as_Inspection());
    case Body::IsComplete:
      return part(message.body_as_IsComplete());
    case Body::Completeness:
      return part(message.body_as_Completeness());
    case Body::ChannelPut:
      return part(message.body_as_ChannelPut());
    case Body::Ended:
      return part(message.body_as_Ended());
    case Body::Resume:
      return part(message.body_as_Resume());
    case Body::KernelEvent:
      return part(message.body_as_KernelEvent());
    case Body::Joined:
    case Body::Ping:
    case Body::Pong:
    case Body::Goodbye:
    case Body::Stop:
    case Body::Signal:
    case Body::Ok:
    case Body::Interrupt:
    case Body::Interrupted:
    case Body::Break:
    case Body::BreakReply:
    case Body::Shutdown:
    case Body::List:
    case Body::ListSpecs:
    case Body::ChannelTake:
    case Body::ChannelReady:
    case Body::ChannelClose:
    case Body::HostLeft:
    case Body::Acknowledge:
    case Body::ReadLog:
    case Body::CloseLog:
    case Body::LogEnd:
    case Body::Gap:
      return true;  // numbers only
    case Body::NONE:
      break;
  }
  return fail("the message has no body");
}

/// Also what the kind ignores must be sound, since the generated UnPack reads it.
inline bool MessageValidator::content(const Value& v) {
  return fields(v.text(), v.bytes(), v.items(), v.keys(), v.shape(), v.failure()) &&
         content_of_kind(v);
}

inline bool MessageValidator::content_of_kind(const Value& v) {
  switch (v.kind()) {
    case ValueKind::nil:
    case ValueKind::int64:
    case ValueKind::float64:
    case ValueKind::list:
      return true;
    case ValueKind::boolean:
      return v.integer() == 0 || v.integer() == 1 || fail("a boolean is neither 0 nor 1");
    case ValueKind::string:
      return buffer_index(v.buffer()) && (v.buffer() < 0 || spend_copied(buffer_of(v).size()));
    case ValueKind::bytes:
      return buffer_index(v.buffer());
    case ValueKind::map: {
      const auto keys = v.keys() == nullptr ? 0 : v.keys()->size();
      const auto items = v.items() == nullptr ? 0 : v.items()->size();
      return keys == items || fail("a map has not as many keys as items");
    }
    case ValueKind::tensor:
      return tensor(v);
    case ValueKind::error:
      return v.failure() != nullptr || fail("an error has no failure");
    case ValueKind::native:
      return native(v);
    case ValueKind::packed:
      return packed(v);
  }
  return fail("a value is of an unknown kind");
}

inline bool MessageValidator::tensor(const Value& v) {
  if (v.dtype() > DType::MAX) return fail("a tensor has an unknown element type");
  if (v.buffer() < 0) return fail("a tensor has no buffer");
  if (!buffer_index(v.buffer())) return false;
  std::span<const std::int64_t> shape;
  if (const auto* numbers = v.shape()) {
    shape = {reinterpret_cast<const std::int64_t*>(numbers->Data()), numbers->size()};
  }
  const auto bytes = byte_size(static_cast<oast::DType>(v.dtype()), shape);
  return bytes == buffer_of(v).size() || fail("a tensor's shape and its buffer do not agree");
}

inline bool MessageValidator::native(const Value& v) {
  if (text(v.text()).empty()) return fail("native data does not name its format");
  if (v.items() != nullptr) {
    for (const Value* item : *v.items())
      if (item->kind() != ValueKind::bytes)
        return fail("native data has a buffer that is no bytes");
  }
  return buffer_index(v.buffer());
}

inline bool MessageValidator::packed(const Value& v) {
  if (!can_pack(v.dtype())) return fail("a packed list has an element type that no list has");
  if (!buffer_index(v.buffer())) return false;
  std::size_t bytes = v.bytes() == nullptr ? 0 : v.bytes()->size();
  if (v.buffer() >= 0) bytes = buffer_of(v).size();
  const std::size_t item = item_size(static_cast<oast::DType>(v.dtype()));
  if (bytes % item != 0) return fail("a packed list ends within an item");
  return v.buffer() < 0 || spend_copied(bytes);
}

}  // namespace oast::wire
