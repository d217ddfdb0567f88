// Text and other bytes on their way to becoming outputs.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "oast/ids.hpp"
#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// Gathers output until it is worth a message, and never alters a byte. No message ends within a
/// character of UTF-8: its first bytes wait for the rest as long as their request runs.
///
/// One message has output of one stream and one request, at most kChunk bytes. Not thread-safe.
class OutputBuffer {
 public:
  static constexpr std::size_t kChunk = std::size_t{16} * 1024;

  struct Chunk {
    RequestKey owner;
    Stream stream;
    std::string_view bytes;
    bool is_utf8;
  };
  using Emit = std::function<void(const Chunk&)>;

  explicit OutputBuffer(Emit emit) : emit_(std::move(emit)) {}

  /// Text from now on belongs to `owner`; emits what is left of the one before.
  void begin(RequestKey owner);
  void append(Stream stream, std::string_view bytes);
  /// Emits all but the beginning of a character.
  void flush();
  /// Emits all. Text that comes later still belongs to the same request.
  void finish();

  /// Nothing would be emitted by `flush`.
  bool empty() const { return !fresh_; }
  /// Of what `flush` would emit, and of the beginning of a character.
  std::size_t bytes() const { return bytes_.size(); }
  /// Is there a request that text could belong to?
  bool has_owner() const { return static_cast<bool>(owner_.host); }
  RequestKey owner() const { return owner_; }

 private:
  void emit(std::string_view bytes);
  void change_stream(Stream stream);

  const Emit emit_;
  RequestKey owner_;
  Stream stream_ = Stream::out;
  std::string bytes_;               // of stream_
  bool fresh_ = false;              // bytes_ has some that flush has not seen
  std::array<std::string, 2> cut_;  // what the other stream holds: the beginning of a character
};

}  // namespace oast::kernel
