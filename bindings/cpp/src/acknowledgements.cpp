#include "acknowledgements.hpp"

#include <algorithm>

namespace oast::detail {

void Acknowledgements::begin(const RecordKey& record, std::size_t bytes) {
  if (record.number == 0) return;
  const std::lock_guard lock(mutex_);
  kernels_[record.kernel].open.push_back({record.number, bytes, false});
}

std::optional<std::uint64_t> Acknowledgements::end(const RecordKey& record) {
  if (record.number == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = kernels_.find(record.kernel);
  if (found == kernels_.end()) return std::nullopt;
  Kernel& kernel = found->second;
  const auto entry = std::find_if(kernel.open.begin(), kernel.open.end(),
                                  [&](const Entry& one) { return one.number == record.number; });
  if (entry == kernel.open.end()) return std::nullopt;
  entry->done = true;
  std::uint64_t number = 0;
  std::size_t bytes = 0;
  while (!kernel.open.empty() && kernel.open.front().done) {
    number = kernel.open.front().number;
    bytes += kernel.open.front().bytes;
    kernel.open.pop_front();
  }
  return number == 0 ? std::nullopt : count(kernel, number, bytes);
}

std::optional<std::uint64_t> Acknowledgements::done(const RecordKey& record, std::size_t bytes) {
  if (record.number == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  Kernel& kernel = kernels_[record.kernel];
  if (kernel.open.empty()) return count(kernel, record.number, bytes);
  if (Entry& last = kernel.open.back(); last.done) {
    last.number = record.number;
    last.bytes += bytes;
  } else {
    kernel.open.push_back({record.number, bytes, true});
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Acknowledgements::asked(const RecordKey& record) {
  const std::lock_guard lock(mutex_);
  const auto found = kernels_.find(record.kernel);
  // Of a kernel that nobody here knows any more, all is done.
  if (found == kernels_.end()) return record.number;
  Kernel& kernel = found->second;
  if (kernel.open.empty()) kernel.done = std::max(kernel.done, record.number);
  if (kernel.done < record.number) {
    kernel.asked = record.number;
    return std::nullopt;
  }
  kernel.bytes = 0;
  return kernel.done;
}

std::vector<RecordKey> Acknowledgements::all_done() {
  const std::lock_guard lock(mutex_);
  std::vector<RecordKey> done;
  for (const auto& [id, kernel] : kernels_)
    if (kernel.done != 0) done.push_back({id, kernel.done});
  return done;
}

std::optional<std::uint64_t> Acknowledgements::forget(PeerId kernel) {
  const std::lock_guard lock(mutex_);
  const auto found = kernels_.extract(kernel);
  if (found.empty() || found.mapped().done == 0) return std::nullopt;
  return found.mapped().done;
}

std::optional<std::uint64_t> Acknowledgements::count(Kernel& kernel, std::uint64_t number,
                                                     std::size_t bytes) {
  // What the broker waits for has come, if it could be read: all that has come is done.
  if (kernel.open.empty()) number = std::max(number, kernel.asked);
  kernel.done = number;
  kernel.bytes += bytes;
  const bool waited_for = kernel.asked != 0 && number >= kernel.asked;
  if (kernel.bytes < kWorthTelling && !waited_for) return std::nullopt;
  kernel.bytes = 0;
  if (waited_for) kernel.asked = 0;
  return number;
}

}  // namespace oast::detail
