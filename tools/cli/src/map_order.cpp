#include "map_order.hpp"

#include <algorithm>

namespace oast::cli {
namespace {

bool is_number(const Value& key) {
  return std::holds_alternative<std::int64_t>(key.variant()) ||
         std::holds_alternative<double>(key.variant());
}

int rank(const Value& key) {
  if (is_number(key)) return 0;
  return std::holds_alternative<std::string>(key.variant()) ? 1 : 2;
}

bool number_before(const Value& a, const Value& b) {
  const auto* x = std::get_if<std::int64_t>(&a.variant());
  const auto* y = std::get_if<std::int64_t>(&b.variant());
  if (x && y) return *x < *y;
  const double p = x ? static_cast<double>(*x) : std::get<double>(a.variant());
  const double q = y ? static_cast<double>(*y) : std::get<double>(b.variant());
  return p < q;
}

bool before(const Value& a, const Value& b) {
  const int ra = rank(a);
  const int rb = rank(b);
  if (ra != rb) return ra < rb;
  if (ra == 0) return number_before(a, b);
  if (ra == 1) return std::get<std::string>(a.variant()) < std::get<std::string>(b.variant());
  return false;
}

bool is_nan(const Value& key) {
  const auto* number = std::get_if<double>(&key.variant());
  return number && *number != *number;
}

}  // namespace

std::vector<const Value::Map::value_type*> sorted_entries(const Value::Map& map) {
  std::vector<const Value::Map::value_type*> entries;
  entries.reserve(map.size());
  for (const auto& entry : map) entries.push_back(&entry);
  // A NaN key is before and after nothing, which no sort can bear: those go to the end.
  const auto end = std::stable_partition(entries.begin(), entries.end(),
                                         [](const auto* e) { return !is_nan(e->first); });
  std::stable_sort(entries.begin(), end,
                   [](const auto* a, const auto* b) { return before(a->first, b->first); });
  return entries;
}

}  // namespace oast::cli
