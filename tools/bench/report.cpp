#include "report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace oast::bench {

namespace {

std::string figure(double value) {
  return value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string bar_text(const Row& row) {
  if (!row.bar) return {};
  return fmt::format("{} {:.2f}  {}", row.bar->at_most ? "at most" : "at least", row.bar->ratio,
                     reached(row) ? "reached" : "NOT reached");
}

}  // namespace

std::optional<double> Row::ratio() const {
  if (!floor) return std::nullopt;
  return oast / *floor;
}

bool reached(const Row& row) {
  if (!row.bar || !row.floor) return true;
  return row.bar->at_most ? *row.ratio() <= row.bar->ratio : *row.ratio() >= row.bar->ratio;
}

std::string table(const std::vector<Row>& rows) {
  std::string text =
      fmt::format("{:<34}{:>10}{:>10} {:<4}{:>8}   {}\n", "", "oast", "floor", "", "ratio", "bar");
  for (const Row& row : rows)
    text += fmt::format("{:<34}{:>10}{:>10} {:<4}{:>8}   {}\n", row.name, figure(row.oast),
                        row.floor ? figure(*row.floor) : "-", row.unit,
                        row.floor ? fmt::format("{:.2f}", *row.ratio()) : "-", bar_text(row));
  return text;
}

std::string json(const std::vector<Row>& rows) {
  nlohmann::json all = nlohmann::json::array();
  for (const Row& row : rows) {
    nlohmann::json one = {{"name", row.name},
                          {"oast", row.oast},
                          {"floor", nullptr},
                          {"unit", row.unit},
                          {"ratio", nullptr}};
    if (row.floor) {
      one["floor"] = *row.floor;
      one["ratio"] = *row.ratio();
    }
    all.push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

}  // namespace oast::bench
