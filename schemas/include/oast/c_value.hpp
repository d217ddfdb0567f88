// Values between C++ and C: what stands behind oast_value.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "oast/error.hpp"
#include "oast/value.hpp"
#include "oast_value.h"

namespace oast {

/// Options as this library knows them, of a caller that may know fewer or more fields.
template <class Options>
Options read_options(const Options* options) {
  Options result{};
  result.size = sizeof result;
  if (options == nullptr) return result;
  if (options->size < sizeof options->size)
    throw Error(FailureKind::invalid, "the size of the options is not set: it is their sizeof");
  const std::size_t given = options->size;
  std::memcpy(&result, options, std::min(given, sizeof result));
  return result;
}

/// A failure as C. Its pointers refer to this object and to `failure`, which must both outlive its
/// use and not move.
class CFailure {
 public:
  explicit CFailure(const Failure& failure);
  CFailure(const CFailure&) = delete;
  CFailure& operator=(const CFailure&) = delete;

  const oast_failure* get() const { return &failure_; }

 private:
  oast_failure failure_{};
  oast_death death_{};
  std::vector<oast_text> traceback_;
};

/// Values as C nodes, one after the other. Keeps the values, which the nodes point into.
class CValues {
 public:
  CValues() = default;
  explicit CValues(std::vector<Value> values);
  CValues(CValues&&) noexcept = default;
  CValues& operator=(CValues&&) noexcept = default;

  /// Valid as long as this object, also when it is moved.
  oast_value get() const { return {nodes_.data(), nodes_.size()}; }
  /// How many values.
  std::size_t size() const { return values_.size(); }

 private:
  void add(const Value& value);

  std::vector<Value> values_;
  std::vector<oast_node> nodes_;
  std::deque<CFailure> failures_;  // a deque moves none
};

/// `count` values from nodes, and nothing more. Data is copied, unless there is a `lender` that
/// keeps it alive. Throws Error(invalid) when the nodes are not that many values.
std::vector<Value> from_c(oast_value nodes, std::size_t count,
                          const std::shared_ptr<const void>& lender = nullptr);
/// One value; no nodes are nil.
Value from_c(oast_value nodes, const std::shared_ptr<const void>& lender = nullptr);

/// Copies. Throws Error(invalid) when its status is none of a failure.
Failure from_c(const oast_failure& failure);

std::string_view from_c(oast_text text);
oast_text to_c(std::string_view text);
inline oast_status to_c(FailureKind kind) {
  return static_cast<oast_status>(static_cast<int>(kind) + 1);
}

}  // namespace oast
