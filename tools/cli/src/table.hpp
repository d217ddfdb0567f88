// Aligned columns, and figures for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oast::cli {

/// Rows of text under a row of titles. A column is as wide as its widest cell.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  ///< figures are aligned at their right
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Precondition: one cell per column. Control characters in cells are replaced.
  void add(std::vector<std::string> cells);
  std::size_t size() const { return rows_.size(); }
  /// Lines without newlines, the titles first. `width`: lines are cut there; 0: never.
  std::vector<std::string> lines(std::size_t width = 0) const;
  std::string text() const;

 private:
  std::string line(const std::vector<std::string>& cells,
                   const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "512 B", "1.5 MiB", "12 GiB"
std::string bytes_text(std::uint64_t bytes);
/// "250 ms", "1.5 s", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"
std::string duration_text(double seconds);

}  // namespace oast::cli
