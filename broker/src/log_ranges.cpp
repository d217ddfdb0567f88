#include "log_ranges.hpp"

#include <algorithm>

namespace oast::broker {

namespace {

/// How many bytes a lost range has before `number`, taking them for evenly spread. Parts of a range
/// so add up to the whole.
std::uint64_t bytes_before(const LogRanges::Range& range, std::uint64_t number) {
  if (number <= range.first) return 0;
  if (number > range.last) return range.bytes;
  const auto share = static_cast<long double>(number - range.first) /
                     static_cast<long double>(range.last - range.first + 1);
  return static_cast<std::uint64_t>(static_cast<long double>(range.bytes) * share);
}

}  // namespace

LogRanges::Ranges::const_iterator LogRanges::find(std::uint64_t number) const {
  return std::partition_point(ranges_.begin(), ranges_.end(),
                              [number](const Range& range) { return range.last < number; });
}

const LogRanges::Range* LogRanges::at_or_after(std::uint64_t number) const {
  const auto found = find(number);
  return found == ranges_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> LogRanges::first_stored() const {
  for (const Range& range : ranges_)
    if (range.stored) return range.first;
  return std::nullopt;
}

std::optional<std::uint64_t> LogRanges::first_lost(std::uint64_t from) const {
  for (auto range = find(from); range != ranges_.end(); ++range)
    if (!range->stored) return std::max(from, range->first);
  return std::nullopt;
}

Gap LogRanges::gap(std::uint64_t from, std::uint64_t last) const {
  auto range = find(from);
  Gap gap{std::max(from, range->first), last, 0, true};
  for (; range != ranges_.end() && !range->stored && range->first <= last; ++range) {
    const std::uint64_t end = std::min(range->last, last);
    gap.bytes += bytes_before(*range, end + 1) - bytes_before(*range, std::max(from, range->first));
    gap.exact = gap.exact && from <= range->first && end == range->last;
    gap.last = end;
  }
  return gap;
}

void LogRanges::add_stored(std::uint64_t first, std::uint64_t last) {
  if (!ranges_.empty() && ranges_.back().stored) {
    ranges_.back().last = last;
    return;
  }
  ranges_.push_back({first, last, 0, true});
  shrink();
}

void LogRanges::add_lost(std::uint64_t first, std::uint64_t last, std::uint64_t bytes,
                         std::uint64_t low, std::uint64_t high) {
  cut_stored(first, last);
  const auto at = ranges_.begin() + (find(first) - ranges_.cbegin());
  auto index = static_cast<std::size_t>(at - ranges_.begin());
  if (at == ranges_.end() || at->first > last) {
    ranges_.insert(at, {first, last, bytes, false});
  } else {  // it meets lost ranges: becomes one with them
    at->first = std::min(at->first, first);
    at->bytes += bytes;
    while (index + 1 < ranges_.size() && ranges_[index + 1].first <= last)
      merge_with_next(index, true);
    ranges_[index].last = std::max(ranges_[index].last, last);
  }
  if (index + 1 < ranges_.size() && ranges_[index + 1].first < high) merge_with_next(index, false);
  if (index > 0 && ranges_[index - 1].last > low) merge_with_next(index - 1, false);
  shrink();
}

/// Takes the numbers out of stored ranges.
void LogRanges::cut_stored(std::uint64_t first, std::uint64_t last) {
  auto i = static_cast<std::size_t>(find(first) - ranges_.cbegin());
  while (i < ranges_.size() && ranges_[i].first <= last) {
    Range& range = ranges_[i];
    const auto at = ranges_.begin() + static_cast<std::ptrdiff_t>(i);
    if (!range.stored) {
      ++i;
    } else if (range.first >= first && range.last <= last) {
      ranges_.erase(at);
    } else if (range.first >= first) {
      range.first = last + 1;
    } else if (range.last <= last) {
      range.last = first - 1;
      ++i;
    } else {
      const Range behind{last + 1, range.last, 0, true};
      range.last = first - 1;
      ranges_.insert(at + 1, behind);
      return;
    }
  }
}

bool LogRanges::merge_with_next(std::size_t index, bool any_size) {
  if (index + 1 >= ranges_.size()) return false;
  Range& range = ranges_[index];
  const Range& next = ranges_[index + 1];
  if (range.stored != next.stored) return false;
  if (!any_size && range.bytes + next.bytes > kGapBytes) return false;
  range.last = next.last;
  range.bytes += next.bytes;
  ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
  return true;
}

/// Makes one range of the two oldest that can be.
void LogRanges::shrink() {
  for (std::size_t i = 0; ranges_.size() > kMost && i + 1 < ranges_.size(); ++i)
    merge_with_next(i, true);
}

}  // namespace oast::broker
