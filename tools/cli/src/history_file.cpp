#include "history_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <system_error>

#include "unique_fd.hpp"

namespace oast::cli {
namespace {

std::string escape(std::string_view entry) {
  std::string line;
  for (const char c : entry) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\\') {
      line += "\\\\";
    } else {
      line += c;
    }
  }
  return line + '\n';
}

std::string unescape(std::string_view line) {
  std::string entry;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      entry += line[i];
    } else {
      ++i;
      entry += line[i] == 'n' ? '\n' : line[i];
    }
  }
  return entry;
}

UniqueFd open_private(const std::filesystem::path& path, int flags) {
  constexpr mode_t kOwnerOnly = 0600;
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, kOwnerOnly));
  // A file that another program made may be open to others.
  if (fd && fchmod(fd.get(), kOwnerOnly) != 0) fd.reset();
  return fd;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::vector<std::string> HistoryFile::load() {
  std::vector<std::string> entries;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) entries.push_back(unescape(line));
  }
  if (entries.size() <= kKept) return entries;
  const std::size_t all = entries.size();
  entries.erase(entries.begin(), entries.end() - kKept);
  if (all > 2 * kKept) {
    std::string text;
    for (const std::string& entry : entries) text += escape(entry);
    // Replaced as a whole: a target that appends meanwhile loses at most its own line.
    const std::filesystem::path fresh = path_.string() + ".new";
    if (const UniqueFd fd = open_private(fresh, O_TRUNC)) {
      write_all(fd.get(), text);
      std::error_code error;
      std::filesystem::rename(fresh, path_, error);
    }
  }
  return entries;
}

void HistoryFile::append(std::string_view entry) {
  if (path_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  if (const UniqueFd fd = open_private(path_, O_APPEND)) write_all(fd.get(), escape(entry));
}

std::filesystem::path history_path() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state && *state == '/') {
    return std::filesystem::path(state) / "oast" / "history";
  }
  if (const char* home = std::getenv("HOME"); home && *home == '/') {
    return std::filesystem::path(home) / ".local" / "state" / "oast" / "history";
  }
  return {};
}

}  // namespace oast::cli
