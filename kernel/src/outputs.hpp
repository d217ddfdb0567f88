// Output on its way to the outbox.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "capture.hpp"
#include "oast/codec.hpp"
#include "oast/ids.hpp"
#include "outbox.hpp"
#include "output_buffer.hpp"

namespace oast::kernel {

/// One thing in several forms.
struct Display {
  struct Part {
    std::string mime;
    std::variant<std::string, Buffer> content;  ///< text or bytes
  };
  std::vector<Part> parts;
  std::string id;  ///< names it for later updates; may be empty
  bool update = false;
  bool result = false;  ///< the value that the request ends with
};

/// Brings what the engine prints and what comes out of the captured descriptors into one order, and
/// sends it as outputs of the running request, or of the last one, or of an earlier one that the
/// engine names. Text that comes before the first request goes to the raw stderr.
///
/// Thread-safe. No function waits for anybody but another thread in here; nothing is dropped. Who
/// produces should wait until the outbox has room.
class Outputs {
 public:
  Outputs(Capture& capture, Outbox& outbox);

  /// Text from now on belongs to `owner`.
  void begin(RequestKey owner);
  /// The same, unless there is somebody it belongs to.
  void begin_first(RequestKey owner);
  /// Text of the engine. What had been written to the descriptors before comes before it.
  void text(Stream stream, std::string_view text);
  /// The same, of the request of `owner`.
  void text_of(RequestKey owner, Stream stream, std::string_view text);
  /// Sends at once, after all text that came before. Throws Error(invalid) when it is too large.
  void display(RequestKey owner, const Display& display);
  void clear(RequestKey owner, bool wait);
  /// Whose text it is that nobody names. No host: there was no request yet.
  RequestKey owner();
  /// Takes in what was written to the descriptors, while the outbox has room.
  void pump();
  void flush();
  /// Takes in what was written to the descriptors and sends everything: after it a reply may go.
  void finish();
  /// The same for a request that is not the running one, whose own text goes on.
  void finish_of(RequestKey owner);

  /// There is text that `flush` would send. Does not block.
  bool pending() const noexcept { return pending_; }
  /// As pump and flush, for when a thread may have died in here: gives up if so.
  void rescue();

 private:
  void take_in(Stream stream, std::string_view text);
  void emit(const OutputBuffer::Chunk& chunk);
  void send_now(RequestKey owner, wire::OutputKind kind, const Display& display, bool wait);
  void flush_locked();
  void note_pending();
  void drain(const std::function<bool()>& wanted);

  Capture& capture_;
  Outbox& outbox_;

  std::mutex mutex_;      // guards what follows, the capture, and the order of what is sent
  OutputBuffer buffer_;   // of the running request, or the last
  OutputBuffer earlier_;  // of another
  wire::Writer writer_;
  std::atomic<bool> pending_ = false;
};

}  // namespace oast::kernel
