// What was typed in earlier sessions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace oast::cli {

/// One entry a line, with `\n` for newlines and `\\` for backslashes inside it. Entries are
/// appended as they are made, so that several sessions can share the file. Readable by its owner
/// only. Without a usable place it keeps nothing, silently: history is a comfort.
class HistoryFile {
 public:
  static constexpr std::size_t kKept = 1000;

  explicit HistoryFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// The last entries, oldest first. Shortens a file that has become much longer than that.
  std::vector<std::string> load();
  void append(std::string_view entry);

 private:
  std::filesystem::path path_;
};

/// $XDG_STATE_HOME/oast/history, or ~/.local/state/oast/history; empty without a home.
std::filesystem::path history_path();

}  // namespace oast::cli
