#include "literal_formatter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "tensor_text.hpp"

namespace oast::cli {
namespace {

constexpr std::size_t kTensorElements = 8;  // shown of a tensor

std::string shortest(double number, std::chars_format format) {
  std::array<char, 400> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, format);
  return {text.data(), end};
}

std::string element_text(const Element& element, const LiteralFormatter& formatter) {
  struct Visitor {
    const LiteralFormatter& formatter;
    std::string operator()(bool v) const { return formatter.boolean(v); }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(std::uint64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return formatter.number(v); }
    std::string operator()(std::complex<double> v) const { return formatter.complex(v); }
  };
  return std::visit(Visitor{formatter}, element);
}

}  // namespace

std::string LiteralFormatter::summary(const std::string& title, const Tensor& tensor) const {
  std::string out = "<" + title + ":";
  const std::size_t count = element_count(tensor);
  for (std::size_t i = 0; i < std::min(count, kTensorElements); ++i) {
    out += (i ? ", " : " ") + element_text(element(tensor, i), *this);
  }
  if (count > kTensorElements) out += ", ...";
  return out + ">";
}

Decimal decimal(double number) {
  Decimal result{shortest(number, std::chars_format::fixed),
                 shortest(number, std::chars_format::scientific), 0, 0};
  const std::size_t e = result.scientific.find('e');
  result.exponent = std::atoi(result.scientific.c_str() + e + 1);
  result.digits = static_cast<int>(std::count_if(
      result.scientific.begin(), result.scientific.begin() + static_cast<std::ptrdiff_t>(e),
      [](char c) { return c >= '0' && c <= '9'; }));
  return result;
}

std::string with_point(std::string text) {
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string formatted(const char* format, unsigned value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

}  // namespace oast::cli
