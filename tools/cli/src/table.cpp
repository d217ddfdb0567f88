#include "table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "terminal_text.hpp"

namespace oast::cli {
namespace {

template <class... Numbers>
std::string format(const char* pattern, Numbers... numbers) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, numbers...);
  return text.data();
}

// Two figures of a time: "3 min 20 s", or "3 min" when the second is nothing.
std::string two_units(std::uint64_t large, const char* large_unit, std::uint64_t small,
                      const char* small_unit) {
  std::string text = std::to_string(large) + " " + large_unit;
  if (small != 0) text += " " + std::to_string(small) + " " + small_unit;
  return text;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::string> Table::lines(std::size_t width) const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    widths.push_back(columns(columns_[i].title));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::vector<std::string> result{line(titles, widths)};
  for (const auto& row : rows_) result.push_back(line(row, widths));
  if (width > 0) {
    for (std::string& text : result) text = shorten(text, width);
  }
  return result;
}

std::string Table::text() const {
  std::string text;
  for (const std::string& row : lines()) text += row + "\n";
  return text;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths) const {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - columns(cells[i]), ' ');
    if (i > 0) text += "  ";
    text += columns_[i].right ? padding + cells[i] : cells[i] + padding;
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  static constexpr std::array<const char*, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (amount >= 1023.5 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return format(amount < 9.95 ? "%.1f %s" : "%.0f %s", amount, kUnits.at(unit));
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) return format("%.0f ms", seconds * 1000);
  if (seconds < 9.95) return format("%.1f s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two_units(whole / 60, "min", whole % 60, "s");
  if (whole < 86400) return two_units(whole / 3600, "h", whole % 3600 / 60, "min");
  return two_units(whole / 86400, "d", whole % 86400 / 3600, "h");
}

}  // namespace oast::cli
