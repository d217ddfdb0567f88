// Elements of tensors, one by one.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "oast/value.hpp"

namespace oast::cli {

using Element = std::variant<bool, std::int64_t, std::uint64_t, double, std::complex<double>>;

/// How many elements the tensor has.
std::size_t element_count(const Tensor& tensor);

/// The element at `index` in row-major order. Precondition: index < element_count(tensor).
Element element(const Tensor& tensor, std::size_t index);

}  // namespace oast::cli
