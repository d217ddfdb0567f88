#include "output_buffer.hpp"
#include "oast/utf8.hpp"

#include <algorithm>
#include <utility>

namespace oast::kernel {

void OutputBuffer::begin(RequestKey owner) {
  finish();
  owner_ = owner;
}

void OutputBuffer::append(Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  if (stream != stream_) change_stream(stream);
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), kChunk - bytes_.size());
    bytes_.append(bytes.substr(0, piece));
    fresh_ = true;
    bytes.remove_prefix(piece);
    if (bytes_.size() == kChunk) flush();
  }
}

void OutputBuffer::flush() {
  if (!fresh_) return;
  fresh_ = false;
  const std::size_t whole = bytes_.size() - unfinished_character(bytes_);
  emit(std::string_view(bytes_).substr(0, whole));
  bytes_.erase(0, whole);
}

void OutputBuffer::finish() {
  flush();
  emit(std::exchange(bytes_, {}));
  std::string& other = cut_[static_cast<std::size_t>(stream_ == Stream::out)];
  if (other.empty()) return;
  stream_ = stream_ == Stream::out ? Stream::err : Stream::out;
  emit(std::exchange(other, {}));
}

void OutputBuffer::change_stream(Stream stream) {
  flush();
  cut_[static_cast<std::size_t>(stream_)] = std::exchange(bytes_, {});
  stream_ = stream;
  bytes_ = std::exchange(cut_[static_cast<std::size_t>(stream)], {});
}

void OutputBuffer::emit(std::string_view bytes) {
  if (!bytes.empty()) emit_({owner_, stream_, bytes, is_utf8(bytes)});
}

}  // namespace oast::kernel
