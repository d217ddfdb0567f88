// Typing code at a terminal.
#pragma once

#include <histedit.h>

#include <cwchar>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "oast/evaluator.hpp"
#include "signal_reader.hpp"
#include "wake_event.hpp"

namespace oast::cli {

/// Line editing on stdin and stdout with libedit: history, completion with Tab, Ctrl-C. One object
/// at a time; used by one thread, except `print`.
class LineEditor {
 public:
  /// What could stand at byte `cursor` of the line. May throw Error, which counts as nothing.
  using Complete = std::function<Completions(std::string_view line, std::size_t cursor)>;

  LineEditor(SignalReader& signals, Complete complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End : unsigned char {
    line,
    interrupted,  ///< Ctrl-C: the line is thrown away
    end,          ///< Ctrl-D on an empty line, or the terminal is gone
    terminated,   ///< SIGTERM or SIGHUP
  };
  struct Result {
    End end = End::end;
    std::string line;  ///< without its newline
    int signal = 0;    ///< for End::terminated
  };
  /// Blocks. The line begins with `initial`, which can be edited.
  Result read(const std::string& prompt, const std::string& initial = {});

  /// What the arrow keys find from now on.
  void remember(const std::string& entry);

  /// Shows text that came by itself: above the line when one is being typed, else at once.
  /// Thread-safe.
  void print(std::string_view text);

 private:
  static LineEditor& self(EditLine* editor);
  static const char* prompt_of(EditLine* editor);
  static int read_char(EditLine* editor, wchar_t* result);
  static unsigned char complete_here(EditLine* editor, int key);

  /// One of read_char's waits: true when a key can be read, false when the line ended otherwise.
  bool wait_for_key();
  void adapt(int signal);
  int next_char(wchar_t* result);
  void show_pending();
  unsigned char complete();
  void show_matches(const std::vector<std::string>& matches);

  SignalReader& signals_;
  Complete complete_;
  std::unique_ptr<EditLine, decltype(&el_end)> editor_;
  std::unique_ptr<History, decltype(&history_end)> history_;
  std::string prompt_;
  std::string bytes_;  // read and not yet decoded
  End ended_ = End::line;
  int signal_ = 0;

  std::mutex mutex_;
  bool reading_ = false;
  std::string pending_;
  WakeEvent pending_bell_;
};

}  // namespace oast::cli
