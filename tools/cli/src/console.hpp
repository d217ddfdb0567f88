// The program's standard streams, as a person or a pipe sees them.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "wake_event.hpp"

namespace oast::cli {

/// Thrown when nobody reads our output any longer.
struct ReaderGone {};

inline constexpr std::chrono::milliseconds kForever{-1};

/// One output descriptor. A slow reader holds the writer up, but never so that it cannot be called
/// off. Thread-safe; one write is not torn by another.
class Writer {
 public:
  explicit Writer(int fd);

  /// Writes all of it, or as much as goes until the reader is gone, `cancel` rings, or the reader
  /// takes nothing for so long. Blocks while the reader is slow. Returns whether all was written.
  /// Throws std::system_error for a full disk and the like.
  bool write(std::string_view text, const WakeEvent* cancel = nullptr,
             std::chrono::milliseconds patience = kForever);
  /// As `write`, but throws ReaderGone.
  void print(std::string_view text);

  /// The last byte written was a newline, or nothing was written yet.
  bool at_line_start() const;
  bool reader_gone() const;
  bool is_terminal() const { return terminal_; }
  /// A terminal, and NO_COLOR is not set.
  bool colours() const { return colours_; }
  int fd() const { return fd_; }

 private:
  mutable std::mutex mutex_;
  int fd_;
  bool terminal_;
  bool colours_;
  bool line_start_ = true;
  bool reader_gone_ = false;
};

/// Standard output: values, and what the code prints.
Writer& out();
/// Standard error: everything else.
Writer& err();

/// To standard error, if its reader takes it. What could not be said changes nothing else: never
/// throws.
void say(std::string_view text, const WakeEvent* cancel = nullptr,
         std::chrono::milliseconds patience = kForever);
/// The same for "oast: text\n".
void complain(std::string_view text, std::chrono::milliseconds patience = kForever);

struct WindowSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
/// Of the terminal behind `fd`; the defaults when it is none.
WindowSize window_size(int fd);

enum class Style { plain, bold, dim, red, green, yellow, cyan };
/// The text in that style, if `writer` shows colours.
std::string styled(const Writer& writer, Style style, std::string_view text);

/// Opens descriptors 0, 1 and 2 that the parent left closed, so that no socket gets their numbers.
/// Writing to them still fails. Call it first thing in main.
void ensure_standard_descriptors();

}  // namespace oast::cli
