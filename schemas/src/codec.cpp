#include "oast/codec.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "message_validator.hpp"
#include "oast/thread_handover.hpp"

namespace flatbuffers {

namespace {

/// How many strings the table refers to by `field`; nothing when that cannot be read.
template <class T>
std::optional<uoffset_t> strings_of(Verifier& verifier, const T* table, voffset_t field) {
  using Strings = Vector<Offset<String>>;
  const auto* fields = reinterpret_cast<const Table*>(table);
  if (!fields->VerifyTableStart(verifier) || !fields->VerifyOffset(verifier, field)) return {};
  verifier.EndTable();
  const auto* strings = fields->GetPointer<const Strings*>(field);
  if (!verifier.VerifyVector(strings)) return {};
  return strings == nullptr ? 0 : strings->size();
}

}  // namespace

template <>
bool Verifier::VerifyTable(const oast::wire::Failure* table) {
  if (table == nullptr) return true;
  const auto strings = strings_of(*this, table, oast::wire::Failure::VT_TRACEBACK);
  if (!strings || *strings > opts_.max_tables - num_tables_) return false;
  num_tables_ += *strings;
  return table->Verify(*this);
}

template <>
bool Verifier::VerifyVectorOfTables(const Vector<Offset<oast::wire::SpecInfo>>* vec) {
  if (vec == nullptr) return true;
  for (const auto* table : *vec) {
    for (const auto field : {oast::wire::SpecInfo::VT_ARGV, oast::wire::SpecInfo::VT_FEATURES}) {
      const auto strings = strings_of(*this, table, field);
      if (!strings || *strings > opts_.max_tables - num_tables_) return false;
      num_tables_ += *strings;
    }
    if (!table->Verify(*this)) return false;
  }
  return true;
}

}  // namespace flatbuffers

namespace oast::wire {

namespace {

/// Messages from this size on give their memory away instead of being copied. Copying a smaller one
/// is cheaper than making new memory for the next.
constexpr std::size_t kGiveAwayBytes = 64u << 10;

void release_message(void*, void* message) {
  taken_over(message);
  delete static_cast<flatbuffers::DetachedBuffer*>(message);
}

}  // namespace

std::size_t Packet::bytes() const {
  std::size_t sum = message.size();
  for (const auto& buffer : buffers) sum += buffer.size();
  return sum;
}

void align(zmq::message_t& frame) {
  if (reinterpret_cast<std::uintptr_t>(frame.data()) % kAlignment == 0) return;
  // A frame made by size is aligned: libzmq keeps short ones 8 bytes into the zmq_msg_t, others
  // behind a header of 40 bytes in memory from malloc.
  zmq::message_t aligned(frame.data(), frame.size());
  frame = std::move(aligned);
}

flatbuffers::Offset<flatbuffers::String> Writer::string(std::string_view text) {
  reserve(text.size());
  return builder_.CreateString(text.data(), text.size());
}

void Writer::reserve(std::size_t bytes) {
  const std::size_t most = limits_.message_bytes;
  if (bytes <= most && builder_.GetSize() <= most - bytes) return;
  clear();
  throw Error(oast::FailureKind::invalid,
              "the message is too large: large data is sent as bytes or tensors");
}

void Writer::clear() {
  builder_.Clear();
  buffers_.clear();
  items_.clear();
  if (items_.capacity() * sizeof(ValueOffset) > kGiveAwayBytes) items_.shrink_to_fit();
  buffer_bytes_ = 0;
  tables_ = 0;
}

Packet Writer::finish(RequestId id, Body type, flatbuffers::Offset<void> body,
                      std::uint64_t number) {
  builder_.Finish(CreateMessage(builder_, id.value, type, body, number), MessageIdentifier());
  reserve(0);
  if (builder_.GetSize() + buffer_bytes_ > limits_.total_bytes) {
    clear();
    throw Error(oast::FailureKind::invalid, "the arrays are too large to be sent at once");
  }
  Packet packet{take_message(), std::move(buffers_)};
  clear();
  return packet;
}

zmq::message_t Writer::take_message() {
  const std::size_t size = builder_.GetSize();
  const std::uint8_t* data = builder_.GetBufferPointer();
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0;
  if (size < kGiveAwayBytes) return {data, size};
  if (!aligned) {
    zmq::message_t message(data, size);
    builder_.Reset();
    return message;
  }
  auto owner = std::make_unique<flatbuffers::DetachedBuffer>(builder_.Release());
  zmq::message_t message(owner->data(), owner->size(), release_message, owner.get());
  hand_over(owner.release());  // the message's now
  return message;
}

Packet pack(RequestId id, const oast::Failure& failure, std::uint64_t number) {
  Writer writer;
  return writer.finish(id, write(writer.builder(), failure), number);
}

void set_number(Packet& packet, std::uint64_t number) {
  auto* root = flatbuffers::GetMutableRoot<flatbuffers::Table>(packet.message.data());
  root->SetField<std::uint64_t>(Message::VT_NUMBER, number, 0);
}

std::vector<Buffer> share(std::vector<zmq::message_t>&& buffers) {
  std::vector<Buffer> shared;
  shared.reserve(buffers.size());
  for (auto& buffer : buffers) {
    auto owner = std::make_shared<zmq::message_t>(std::move(buffer));
    const auto* bytes = owner->data<const std::byte>();  // of a short message, inside *owner
    const std::size_t size = owner->size();
    shared.emplace_back(std::move(owner), std::span(bytes, size));
  }
  buffers.clear();
  return shared;
}

namespace {

/// What is wrong with the sizes of the packet, before anybody looks inside.
std::string_view check_sizes(const Packet& packet, const Limits& limits) {
  const std::size_t size = packet.message.size();
  if (size == 0) return "the message is empty";
  if (size > limits.message_bytes || size >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    return "the message is too large";
  }
  if (packet.buffers.size() > limits.buffer_count) return "the message has too many buffers";
  if (packet.bytes() > limits.total_bytes) return "the message's buffers are too large";
  return {};
}

std::string_view check(const Packet& packet, const Limits& limits) {
  if (const auto problem = check_sizes(packet, limits); !problem.empty()) return problem;
  const auto* bytes = packet.message.data<std::uint8_t>();
  const std::size_t size = packet.message.size();
  if (reinterpret_cast<std::uintptr_t>(bytes) % kAlignment != 0)
    return "the message is not aligned";
  if (size < sizeof(flatbuffers::uoffset_t) + flatbuffers::kFileIdentifierLength ||
      !MessageBufferHasIdentifier(bytes)) {
    return "these bytes are no oast message";
  }

  flatbuffers::Verifier::Options options;
  options.max_depth = limits.depth;
  // A table is at least its vtable's offset, so more than this cannot be there without sharing.
  const std::size_t most_tables = size / sizeof(flatbuffers::soffset_t);
  options.max_tables = static_cast<unsigned>(std::min<std::size_t>(limits.tables, most_tables));
  flatbuffers::Verifier verifier(bytes, size, options);
  if (!VerifyMessageBuffer(verifier)) return "the message is not well-formed";

  const Message& root = packet.root();
  if (root.body() == nullptr || root.body_type() == Body::NONE) return "the message has no body";
  if (root.body_type() > Body::MAX) return kUnknownBody;
  return MessageValidator(packet).check(root);
}

}  // namespace

Head read_head(const Packet& packet) {
  const auto* bytes = packet.message.data<std::uint8_t>();
  const std::size_t size = packet.message.size();
  if (size < sizeof(flatbuffers::uoffset_t) || size >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      reinterpret_cast<std::uintptr_t>(bytes) % kAlignment != 0)
    return {};
  flatbuffers::Verifier verifier(bytes, size);
  const auto offset = verifier.VerifyOffset(0);
  if (offset == 0) return {};
  const auto* root = reinterpret_cast<const flatbuffers::Table*>(bytes + offset);
  if (!root->VerifyTableStart(verifier) ||
      !root->VerifyField<std::uint64_t>(verifier, Message::VT_ID, alignof(std::uint64_t)) ||
      !root->VerifyField<std::uint8_t>(verifier, Message::VT_BODY_TYPE, 1) ||
      !root->VerifyField<std::uint64_t>(verifier, Message::VT_NUMBER, alignof(std::uint64_t)))
    return {};
  const Message& message = packet.root();
  return {RequestId{message.id()}, message.body_type(), message.number()};
}

std::optional<std::string_view> verify(const Packet& packet, const Limits& limits) {
  const std::string_view problem = check(packet, limits);
  if (problem.empty()) return std::nullopt;
  return problem;
}

}  // namespace oast::wire
