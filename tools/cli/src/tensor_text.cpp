#include "tensor_text.hpp"

#include <cstring>

namespace oast::cli {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::size_t element_count(const Tensor& tensor) {
  return tensor.data.size() / item_size(tensor.dtype);
}

Element element(const Tensor& tensor, std::size_t index) {
  const std::byte* at = tensor.data.bytes().data() + index * item_size(tensor.dtype);
  switch (tensor.dtype) {
    case DType::bool8:
      return load<std::uint8_t>(at) != 0;
    case DType::int8:
      return std::int64_t{load<std::int8_t>(at)};
    case DType::uint8:
      return std::int64_t{load<std::uint8_t>(at)};
    case DType::int16:
      return std::int64_t{load<std::int16_t>(at)};
    case DType::uint16:
      return std::int64_t{load<std::uint16_t>(at)};
    case DType::int32:
      return std::int64_t{load<std::int32_t>(at)};
    case DType::uint32:
      return std::int64_t{load<std::uint32_t>(at)};
    case DType::int64:
      return load<std::int64_t>(at);
    case DType::uint64:
      return load<std::uint64_t>(at);
    case DType::float16:
      return half_to_double(load<std::uint16_t>(at));
    case DType::float32:
      return double{load<float>(at)};
    case DType::float64:
      return load<double>(at);
    case DType::complex64: {
      const auto z = load<std::complex<float>>(at);
      return std::complex<double>{z.real(), z.imag()};
    }
    case DType::complex128:
      return load<std::complex<double>>(at);
  }
  return false;
}

}  // namespace oast::cli
