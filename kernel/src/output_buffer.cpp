#include "output_buffer.hpp"

#include <algorithm>
#include <utility>

#include "utf8_repair.hpp"

namespace oast::kernel {

void OutputBuffer::begin(RequestKey owner) {
  finish();
  owner_ = owner;
}

void OutputBuffer::append(Stream stream, std::string_view text) {
  if (text.empty()) return;
  if (stream != stream_) change_stream(stream);
  while (!text.empty()) {
    const std::size_t piece = std::min(text.size(), kChunk - bytes_.size());
    bytes_.append(text.substr(0, piece));
    fresh_ = true;
    text.remove_prefix(piece);
    if (bytes_.size() == kChunk) flush();
  }
}

void OutputBuffer::flush() {
  if (!fresh_) return;
  fresh_ = false;
  text_.clear();
  const std::size_t cut = append_utf8(text_, bytes_);
  bytes_.erase(0, bytes_.size() - cut);
  emit(text_);
}

void OutputBuffer::finish() {
  flush();
  if (!bytes_.empty()) emit(to_utf8(std::exchange(bytes_, {})));
  std::string& other = cut_[static_cast<std::size_t>(stream_ == Stream::out)];
  if (other.empty()) return;
  stream_ = stream_ == Stream::out ? Stream::err : Stream::out;
  emit(to_utf8(std::exchange(other, {})));
}

void OutputBuffer::change_stream(Stream stream) {
  flush();
  cut_[static_cast<std::size_t>(stream_)] = std::exchange(bytes_, {});
  stream_ = stream;
  bytes_ = std::exchange(cut_[static_cast<std::size_t>(stream)], {});
}

void OutputBuffer::emit(std::string_view text) {
  if (!text.empty()) emit_({owner_, stream_, text});
}

}  // namespace oast::kernel
