// Where the repl gets its code from.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "history_file.hpp"
#include "line_editor.hpp"
#include "signal_reader.hpp"

namespace oast::cli {

/// Whether a piece of code is whole, and what to indent its next line with.
using Judge = std::function<Completeness(std::string_view code)>;

/// Gives whole pieces of code, of one or more lines.
class CodeSource {
 public:
  struct Piece {
    std::optional<std::string> code;  ///< nothing: the end
    int signal = 0;                   ///< that ended it
  };

  virtual ~CodeSource() = default;
  /// Blocks. Skips blank input.
  virtual Piece next() = 0;
  /// Shows text that came by itself. Thread-safe.
  virtual void print(std::string_view text) = 0;
};

/// A person at a terminal. `language` is part of the prompt.
std::unique_ptr<CodeSource> typed_code(SignalReader& signals, const std::string& language,
                                       Judge judge, LineEditor::Complete complete);
/// Our standard input as it comes, without prompts.
std::unique_ptr<CodeSource> piped_code(SignalReader& signals, Judge judge);

}  // namespace oast::cli
