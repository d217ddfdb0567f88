// What was measured, for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace oast::bench {

/// A ratio to reach: at most (times) or at least (rates) so much of the floor.
struct Bar {
  double ratio = 0;
  bool at_most = true;
};

struct Row {
  std::string name;
  double oast = 0;
  std::optional<double> floor;  ///< the bare proxy's figure; none where it does no such work
  std::string unit;
  std::optional<Bar> bar;

  std::optional<double> ratio() const;
};

/// Whether the row is on the right side of its bar.
bool reached(const Row& row);

/// One line a row.
std::string table(const std::vector<Row>& rows);
/// An array of {"name","oast","floor","unit","ratio"}; floor and ratio are null where there is
/// none.
std::string json(const std::vector<Row>& rows);

}  // namespace oast::bench
