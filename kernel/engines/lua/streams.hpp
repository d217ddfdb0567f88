// The standard streams of Lua code: C streams that lead to Services.
#pragma once

#include <cstdio>
#include <string>

#include "interrupter.hpp"
#include "oast/kernel/engine.hpp"

namespace oast::kernel::lua {

/// Lua's io library wants FILE*s. These are unbuffered until the code asks otherwise (setvbuf), so
/// print, io.write and io.stderr:write keep their order. The process's own stdin, stdout and stderr
/// are never touched: they may belong to a host.
class Streams {
 public:
  Streams(Services& services, Interrupter& interrupter);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams();

  std::FILE* in() const { return in_; }
  std::FILE* out() const { return out_; }
  std::FILE* err() const { return err_; }

  /// Text of print or a warning, behind what the C streams still hold.
  void print(Stream stream, std::string_view text);
  /// Hands everything on, so that a child process writes behind it.
  void flush();
  /// The request ends: its output is handed on, and what it did not read of its input is forgotten,
  /// for the next request may be another host's.
  void end_request() noexcept;

 private:
  struct Sink {
    Streams& streams;
    Stream stream;
  };

  static ssize_t read(void* self, char* buffer, std::size_t size);
  static ssize_t write(void* sink, const char* text, std::size_t size);
  std::size_t read_input(char* buffer, std::size_t size);

  Services& services_;
  Interrupter& interrupter_;
  Sink out_sink_{*this, Stream::out};
  Sink err_sink_{*this, Stream::err};
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
  std::FILE* err_ = nullptr;
  std::string block_;         ///< of input
  std::size_t block_at_ = 0;  ///< what was read of it
  bool has_read_ = false;     ///< in this request
  bool ending_ = false;       ///< what is written now must not wait
};

}  // namespace oast::kernel::lua
