// What is written to descriptors 1 and 2.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "oast/fd.hpp"
#include "oast/kernel/engine.hpp"

namespace oast::kernel {

/// Takes descriptors 1 and 2 over for pipes to this process, so that what C code and child
/// processes write becomes output like the language's own. What was descriptor 2 stays open as the
/// *raw* stderr, where a broker looks for the last words of a kernel that died.
///
/// Not thread-safe, except for `tee` and the functions for signal handlers.
class Capture {
 public:
  using Sink = std::function<void(Stream, std::string_view)>;

  /// Takes over. Throws std::system_error.
  Capture();
  /// Gives descriptors 1 and 2 back.
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Gives `sink` everything that had been written when it was called, and maybe more, as long as
  /// `wanted()`, in pieces of at most 16 KiB. Does not block; one system call when there is
  /// nothing.
  void drain(const Sink& sink, const std::function<bool()>& wanted);

  /// The reading ends, to poll.
  int out_fd() const { return out_.get(); }
  int err_fd() const { return err_.get(); }

  /// Shows text of stderr on the raw stderr too: the end of it, or nothing when nobody makes room
  /// there, for it is only the last words that count and nothing may wait for their reader.
  void tee(std::string_view text) const noexcept;

  /// In a signal handler of a crash: sends what is left in the pipe of descriptor 2 to the raw
  /// stderr. Async-signal-safe.
  void rescue() const noexcept;
  /// Makes descriptors 1 and 2 the raw stderr. Async-signal-safe.
  void give_back() const noexcept;

 private:
  void read_all(int fd, Stream stream, const Sink& sink, const std::function<bool()>& wanted);

  Fd raw_;
  Fd out_;
  Fd err_;
  std::vector<char> chunk_;
};

}  // namespace oast::kernel
