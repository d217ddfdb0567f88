// Which numbers of a log are in files, and which are gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace oast::broker {

/// Numbers `first` to `last` of a log are gone. Among them may be some of which nothing was to be
/// kept: replies that their hosts have acknowledged.
struct Gap {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;  ///< of the messages and buffers that are gone
  bool exact = true;        ///< else `bytes` is interpolated within at most kGapBytes
};

/// An ordered set of disjoint ranges of numbers, each stored or lost; of numbers in none of them
/// there is nothing. Few: ranges of a kind merge, as far as no range of the other kind is between.
class LogRanges {
 public:
  /// Lost ranges of more bytes than this stay apart, so that a part of them has its size told well.
  static constexpr std::uint64_t kGapBytes = std::uint64_t{1} << 20;
  static constexpr std::size_t kMost = 1024;

  /// Precondition: all numbers known so far are below `first`.
  void add_stored(std::uint64_t first, std::uint64_t last);
  /// What was stored of these numbers, if anything, is so no more. `bytes` are those newly lost.
  /// Merges with lost ranges behind `low` and before `high` only: there, records are in memory.
  void add_lost(std::uint64_t first, std::uint64_t last, std::uint64_t bytes, std::uint64_t low = 0,
                std::uint64_t high = ~std::uint64_t{0});

  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t bytes = 0;  ///< of a lost one
    bool stored = false;
  };
  /// The first range that ends at `number` or behind it, or nullptr. Until the next change.
  const Range* at_or_after(std::uint64_t number) const;
  /// The gap at `from` or behind it as far as it goes, but not beyond `last`. Precondition:
  /// `at_or_after(from)` is a lost range that begins at `last` or before it.
  Gap gap(std::uint64_t from, std::uint64_t last) const;
  std::optional<std::uint64_t> first_stored() const;
  /// The first number at `from` or behind it in a lost range.
  std::optional<std::uint64_t> first_lost(std::uint64_t from) const;

 private:
  using Ranges = std::vector<Range>;
  Ranges::const_iterator find(std::uint64_t number) const;
  void cut_stored(std::uint64_t first, std::uint64_t last);
  bool merge_with_next(std::size_t index, bool any_size);
  void shrink();

  Ranges ranges_;
};

}  // namespace oast::broker
