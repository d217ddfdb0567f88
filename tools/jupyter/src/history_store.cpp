#include "history_store.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace oast::jupyter {
namespace {

constexpr int kPatience = 500;  // milliseconds
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS sessions (
  session INTEGER PRIMARY KEY AUTOINCREMENT, language TEXT NOT NULL,
  start TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS history (
  id INTEGER PRIMARY KEY, session INTEGER NOT NULL, line INTEGER NOT NULL, language TEXT NOT NULL,
  input TEXT NOT NULL, output TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_session ON history (session, line);
)";

}  // namespace

/// A prepared statement with its values.
class HistoryStore::Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    if (database != nullptr) sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& bind(const std::string& value) {
    sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
  }
  /// Whether there is a row.
  bool step() { return statement_ != nullptr && sqlite3_step(statement_) == SQLITE_ROW; }
  std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) {
    const auto* bytes = sqlite3_column_text(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string()
                            : std::string(reinterpret_cast<const char*>(bytes), size);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

void HistoryStore::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

HistoryStore::HistoryStore(const std::filesystem::path& path, std::string language)
    : language_(std::move(language)) {
  if (path.empty() || !open(path)) open(":memory:");
  Statement(database_.get(), "INSERT INTO sessions (language) VALUES (?)").bind(language_).step();
  session_ = database_ ? sqlite3_last_insert_rowid(database_.get()) : 0;
}

HistoryStore::~HistoryStore() = default;

bool HistoryStore::open(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  sqlite3* database = nullptr;
  const bool opened = sqlite3_open(path.c_str(), &database) == SQLITE_OK;
  database_.reset(database);
  if (!opened) return false;
  if (path != ":memory:")
    std::filesystem::permissions(path, std::filesystem::perms(0600), ignored);  // only its owner's
  sqlite3_busy_timeout(database, kPatience);
  // A write is on its way to the disk when it returns; the bridge does not wait for the disk.
  sqlite3_exec(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF", nullptr, nullptr,
               nullptr);
  return sqlite3_exec(database, kSchema, nullptr, nullptr, nullptr) == SQLITE_OK;
}

void HistoryStore::add(std::int64_t line, const std::string& input, const std::string& output) {
  Statement(database_.get(),
            "INSERT INTO history (session, line, language, input, output) VALUES (?, ?, ?, ?, ?)")
      .bind(session_)
      .bind(line)
      .bind(language_)
      .bind(input)
      .bind(output)
      .step();
}

std::vector<HistoryStore::Entry> HistoryStore::read(Statement& statement) const {
  std::vector<Entry> entries;
  while (statement.step())
    entries.push_back(
        {statement.integer(0), statement.integer(1), statement.text(2), statement.text(3)});
  return entries;
}

std::vector<HistoryStore::Entry> HistoryStore::tail(std::int64_t n) const {
  Statement statement(database_.get(),
                      "SELECT session, line, input, output FROM history WHERE language = ? "
                      "ORDER BY id DESC LIMIT ?");
  auto entries = read(statement.bind(language_).bind(n));
  std::reverse(entries.begin(), entries.end());
  return entries;
}

std::vector<HistoryStore::Entry> HistoryStore::range(std::int64_t session, std::int64_t start,
                                                     std::int64_t stop) const {
  std::int64_t wanted = session;
  if (session <= 0) {  // so many sessions of this language ago
    Statement earlier(database_.get(),
                      "SELECT session FROM sessions WHERE language = ? AND session <= ? "
                      "ORDER BY session DESC LIMIT 1 OFFSET ?");
    if (!earlier.bind(language_).bind(session_).bind(-session).step()) return {};
    wanted = earlier.integer(0);
  }
  Statement statement(database_.get(),
                      "SELECT session, line, input, output FROM history WHERE language = ? AND "
                      "session = ? AND line >= ? AND line < ? ORDER BY id");
  return read(statement.bind(language_).bind(wanted).bind(start).bind(stop < 0 ? INT64_MAX : stop));
}

std::vector<HistoryStore::Entry> HistoryStore::search(const std::string& pattern, std::int64_t n,
                                                      bool unique) const {
  const char* sql =
      unique ? "SELECT session, line, input, output FROM history WHERE id IN (SELECT max(id) FROM "
               "history WHERE language = ? AND input GLOB ? GROUP BY input) "
               "ORDER BY id DESC LIMIT ?"
             : "SELECT session, line, input, output FROM history WHERE language = ? AND "
               "input GLOB ? ORDER BY id DESC LIMIT ?";
  Statement statement(database_.get(), sql);
  auto entries = read(statement.bind(language_).bind(pattern).bind(n));
  std::reverse(entries.begin(), entries.end());
  return entries;
}

std::filesystem::path history_database() {
  const std::filesystem::path name = std::filesystem::path("oast") / "jupyter-history.sqlite";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return state / name;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return std::filesystem::path(home) / ".local" / "state" / name;
}

}  // namespace oast::jupyter
