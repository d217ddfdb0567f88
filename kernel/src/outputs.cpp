#include "outputs.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace oast::kernel {

namespace {

/// What came before must not come after.
const auto kAll = [] { return true; };

}  // namespace

Outputs::Outputs(Capture& capture, Outbox& outbox)
    : capture_(capture),
      outbox_(outbox),
      buffer_([this](const OutputBuffer::Chunk& chunk) { emit(chunk); }),
      earlier_([this](const OutputBuffer::Chunk& chunk) { emit(chunk); }) {}

void Outputs::begin(RequestKey owner) {
  const std::lock_guard lock(mutex_);
  buffer_.begin(owner);
  note_pending();
}

void Outputs::begin_first(RequestKey owner) {
  const std::lock_guard lock(mutex_);
  if (!buffer_.has_owner()) buffer_.begin(owner);
}

void Outputs::text(Stream stream, std::string_view text) {
  const std::lock_guard lock(mutex_);
  drain(kAll);
  take_in(stream, text);
  note_pending();
}

void Outputs::text_of(RequestKey owner, Stream stream, std::string_view text) {
  const std::lock_guard lock(mutex_);
  drain(kAll);
  if (owner == buffer_.owner()) {
    take_in(stream, text);
  } else {
    buffer_.flush();
    if (owner != earlier_.owner()) earlier_.begin(owner);
    if (stream == Stream::err) capture_.tee(text);
    earlier_.append(stream, text);
  }
  note_pending();
}

void Outputs::display(RequestKey owner, const Display& display) {
  send_now(owner, wire::OutputKind::display, display, false);
}

void Outputs::clear(RequestKey owner, bool wait) {
  send_now(owner, wire::OutputKind::clear, {}, wait);
}

RequestKey Outputs::owner() {
  const std::lock_guard lock(mutex_);
  return buffer_.owner();
}

void Outputs::pump() {
  const std::lock_guard lock(mutex_);
  drain([this] {
    // What is gathered may be what fills the window: it goes before more is taken.
    if (!outbox_.room(buffer_.bytes())) buffer_.flush();
    return outbox_.room();
  });
  note_pending();
}

void Outputs::flush() {
  const std::lock_guard lock(mutex_);
  flush_locked();
}

void Outputs::flush_locked() {
  earlier_.flush();
  buffer_.flush();
  pending_ = false;
}

void Outputs::finish() {
  const std::lock_guard lock(mutex_);
  drain(kAll);
  flush_locked();
  buffer_.finish();
}

void Outputs::finish_of(RequestKey owner) {
  const std::lock_guard lock(mutex_);
  drain(kAll);
  flush_locked();
  if (owner == earlier_.owner()) earlier_.finish();
}

void Outputs::rescue() {
  using namespace std::chrono_literals;
  for (int tries = 0; !mutex_.try_lock(); ++tries) {
    if (tries == 100) return;
    std::this_thread::sleep_for(1ms);
  }
  const std::lock_guard lock(mutex_, std::adopt_lock);
  drain(kAll);
  earlier_.finish();
  buffer_.finish();
}

void Outputs::note_pending() { pending_ = !buffer_.empty() || !earlier_.empty(); }

void Outputs::drain(const std::function<bool()>& wanted) {
  capture_.drain([this](Stream stream, std::string_view text) { take_in(stream, text); }, wanted);
}

void Outputs::take_in(Stream stream, std::string_view text) {
  const bool owned = buffer_.has_owner();
  if (stream == Stream::err || !owned) capture_.tee(text);
  if (!owned) return;
  if (!earlier_.empty()) earlier_.flush();
  buffer_.append(stream, text);
}

void Outputs::emit(const OutputBuffer::Chunk& chunk) {
  auto& builder = writer_.builder();
  const auto kind = chunk.stream == Stream::out ? wire::OutputKind::out : wire::OutputKind::err;
  flatbuffers::Offset<flatbuffers::String> text;
  flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> bytes;
  if (chunk.is_utf8)
    text = builder.CreateString(chunk.bytes.data(), chunk.bytes.size());
  else
    bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(chunk.bytes.data()),
                                 chunk.bytes.size());
  outbox_.send(chunk.owner.host,
               writer_.finish(chunk.owner.id, wire::CreateOutput(builder, kind, text, bytes),
                              wire::kNumberLater));
}

void Outputs::send_now(RequestKey owner, wire::OutputKind kind, const Display& display, bool wait) {
  if (!owner.host) return;  // nobody has asked for anything yet
  const std::lock_guard lock(mutex_);
  drain(kAll);
  flush_locked();
  auto& builder = writer_.builder();
  std::vector<flatbuffers::Offset<wire::MimePart>> parts;
  for (const Display::Part& part : display.parts) {
    const auto mime = writer_.string(part.mime);
    if (const auto* text = std::get_if<std::string>(&part.content))
      parts.push_back(wire::CreateMimePart(builder, mime, writer_.string(*text)));
    else
      parts.push_back(
          wire::CreateMimePart(builder, mime, 0, writer_.buffer(std::get<Buffer>(part.content))));
  }
  const auto list = builder.CreateVector(parts);
  const auto id = writer_.string(display.id);
  const auto output =
      wire::CreateOutput(builder, kind, 0, 0, list, id, display.update, wait, display.result);
  outbox_.send(owner.host, writer_.finish(owner.id, output, wire::kNumberLater));
}

}  // namespace oast::kernel
