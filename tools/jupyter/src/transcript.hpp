// What a kernel has said, cell by cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "json.hpp"
#include "oast/ids.hpp"
#include "oast/log.hpp"

namespace oast::jupyter {

/// The cells that ran, and which request each of them was: what a log needs to be read as a
/// notebook. Remembers the last kMost, up to kMostBytes of code.
class Transcript {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;

  struct Cell {
    RequestKey request;
    std::int64_t count = 0;
    std::string code;
  };

  void add(Cell cell);
  /// The newest last.
  const std::deque<Cell>& cells() const { return cells_; }

 private:
  std::deque<Cell> cells_;
  std::size_t bytes_ = 0;
};

/// A notebook (nbformat 4) of these cells, with the outputs that the records hold, in their order;
/// what is gone from the log is said on stderr of the cell behind it. `language` is that of the
/// kernel, `spec` its spec.
Json notebook_of(const std::deque<Transcript::Cell>& cells, const std::vector<LogRecord>& records,
                 const std::string& language, const std::string& spec);

}  // namespace oast::jupyter
