// What was executed, in this session of a kernel and in earlier ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct sqlite3;

namespace oast::jupyter {

/// In an SQLite database that all bridges of a user share. Without a usable place it is kept in
/// memory: history is a comfort. For one thread; a write waits for those of others, for half a
/// second at most, and is then left out.
class HistoryStore {
 public:
  struct Entry {
    std::int64_t session = 0;
    std::int64_t line = 0;
    std::string input;
    std::string output;  ///< empty: it had none
  };

  /// `path`: of the database; empty: in memory. `language`: whose history; others' is not shown.
  HistoryStore(const std::filesystem::path& path, std::string language);
  ~HistoryStore();
  HistoryStore(const HistoryStore&) = delete;
  HistoryStore& operator=(const HistoryStore&) = delete;

  void add(std::int64_t line, const std::string& input, const std::string& output);
  /// The last `n`, oldest first.
  std::vector<Entry> tail(std::int64_t n) const;
  /// Lines [start, stop) of a session: 0 is this one, -1 the one before it. `stop` < 0: to the end.
  std::vector<Entry> range(std::int64_t session, std::int64_t start, std::int64_t stop) const;
  /// The last `n` whose input matches a glob pattern, oldest first; `unique`: each input once.
  std::vector<Entry> search(const std::string& pattern, std::int64_t n, bool unique) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  class Statement;

  bool open(const std::filesystem::path& path);
  std::vector<Entry> read(Statement& statement) const;

  std::unique_ptr<sqlite3, Close> database_;
  std::string language_;
  std::int64_t session_ = 0;
};

/// $XDG_STATE_HOME/oast/jupyter-history.sqlite, or below ~/.local/state; empty without a home.
std::filesystem::path history_database();

}  // namespace oast::jupyter
