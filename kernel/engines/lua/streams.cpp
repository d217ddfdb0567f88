#include "streams.hpp"

#include <stdio_ext.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace oast::kernel::lua {

namespace {

/// What Services::output takes as a whole or not at all.
constexpr std::size_t kPiece = std::size_t{16} * 1024;
constexpr std::size_t kBlock = std::size_t{64} * 1024;  // of input

}  // namespace

Streams::Streams(Services& services, Interrupter& interrupter)
    : services_(services), interrupter_(interrupter) {
  in_ = fopencookie(this, "r", {.read = read, .write = nullptr, .seek = nullptr, .close = nullptr});
  const cookie_io_functions_t sink{
      .read = nullptr, .write = write, .seek = nullptr, .close = nullptr};
  out_ = fopencookie(&out_sink_, "w", sink);
  err_ = fopencookie(&err_sink_, "w", sink);
  if (in_ == nullptr || out_ == nullptr || err_ == nullptr) throw std::bad_alloc{};
  std::setvbuf(out_, nullptr, _IONBF, 0);
  std::setvbuf(err_, nullptr, _IONBF, 0);
}

Streams::~Streams() {
  for (std::FILE* file : {in_, out_, err_}) std::fclose(file);
}

void Streams::print(Stream stream, std::string_view text) {
  std::fflush(stream == Stream::out ? out_ : err_);
  services_.output(stream, text);
}

void Streams::flush() {
  std::fflush(out_);
  std::fflush(err_);
  services_.flush();
}

void Streams::end_request() noexcept {
  ending_ = true;
  std::fflush(out_);
  std::fflush(err_);
  ending_ = false;
  if (!has_read_) return;
  has_read_ = false;
  __fpurge(in_);
  block_.clear();
  block_at_ = 0;
}

// What C's stdio calls must return and not throw.

ssize_t Streams::write(void* sink, const char* text, std::size_t size) {
  const auto& [streams, stream] = *static_cast<Sink*>(sink);
  std::size_t done = 0;
  try {
    // In pieces, so that what an interrupt keeps from being output is known.
    for (; done < size; done += std::min(size - done, kPiece)) {
      const std::string_view piece(text + done, std::min(size - done, kPiece));
      if (streams.ending_)
        streams.services_.output_at_end(stream, piece);
      else
        streams.services_.output(stream, piece);
    }
  } catch (const Interrupted&) {
    streams.interrupter_.arm();  // the hook raises once the io function returns
    errno = EINTR;
  } catch (...) {
    errno = EIO;
  }
  return static_cast<ssize_t>(done);  // fopencookie(3): 0 says error
}

ssize_t Streams::read(void* self, char* buffer, std::size_t size) {
  auto& streams = *static_cast<Streams*>(self);
  try {
    return static_cast<ssize_t>(streams.read_input(buffer, size));
  } catch (const Interrupted&) {
    streams.interrupter_.arm();  // the hook raises once the io function returns
    errno = EINTR;
  } catch (...) {
    errno = EIO;
  }
  return -1;
}

std::size_t Streams::read_input(char* buffer, std::size_t size) {
  has_read_ = true;
  if (block_at_ == block_.size()) {
    flush();
    block_ = services_.read_input(kBlock);
    block_at_ = 0;
  }
  const std::size_t n = block_.copy(buffer, size, block_at_);
  block_at_ += n;
  return n;
}

}  // namespace oast::kernel::lua
