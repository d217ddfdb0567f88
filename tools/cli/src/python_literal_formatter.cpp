#include <algorithm>
#include <array>
#include <cmath>

#include "literal_formatter.hpp"
#include "tensor_text.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// What str.isprintable denies, without the code points that mean nothing yet: the Unicode
// categories Cc, Cf, Co, Zl, Zp, and Zs but for the space.
constexpr std::array<Range, 27> kNotPrintable{{
    {0x00, 0x1F},       {0x7F, 0xA0},       {0xAD, 0xAD},         {0x600, 0x605},
    {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},       {0x890, 0x891},
    {0x8E2, 0x8E2},     {0x1680, 0x1680},   {0x180E, 0x180E},     {0x2000, 0x200F},
    {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},     {0xE000, 0xF8FF},
    {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD},   {0x110CD, 0x110CD},
    {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},   {0xE0001, 0xE0001},
    {0xE0020, 0xE007F}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD},
}};

bool is_printable(char32_t c) {
  return std::none_of(kNotPrintable.begin(), kNotPrintable.end(),
                      [c](Range range) { return c >= range.first && c <= range.last; });
}

// Double quotes only where they save escapes.
char quote_for(std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  return single && text.find('"') == std::string_view::npos ? '"' : '\'';
}

std::string escaped(char32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      if (c < 0x100) return formatted("\\x%02x", c);
      return formatted(c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  }
}

std::string real_text(double v, bool point) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  const Decimal d = decimal(v);
  if (d.exponent < -4 || d.exponent >= 16) return d.scientific;
  return point ? with_point(d.plain) : d.plain;
}

bool is_complex(DType dtype) { return dtype == DType::complex64 || dtype == DType::complex128; }

class PythonSpelling final : public LiteralFormatter {
 public:
  std::string nil() const override { return "None"; }
  std::string boolean(bool v) const override { return v ? "True" : "False"; }
  std::string integer(std::int64_t v) const override { return std::to_string(v); }
  std::string number(double v) const override { return real_text(v, true); }

  std::string complex(std::complex<double> v) const override {
    std::string imaginary = real_text(v.imag(), false) + "j";
    if (v.real() == 0 && !std::signbit(v.real())) return imaginary;
    const bool sign = imaginary.front() != '-';
    return "(" + real_text(v.real(), false) + (sign ? "+" : "") + imaginary + ")";
  }

  std::string text(std::string_view v) const override {
    const char quote = quote_for(v);
    std::string out{quote};
    while (!v.empty()) {
      const CodePoint point = first_code_point(v);
      if (point.size == 0) {  // as the error handler surrogateescape has it
        out += escaped(0xDC00 + static_cast<unsigned char>(v[0]));
      } else if (!is_printable(point.value)) {
        out += escaped(point.value);
      } else {
        if (v[0] == quote || v[0] == '\\') out += '\\';
        out += v.substr(0, point.size);
      }
      v.remove_prefix(point.size == 0 ? 1 : point.size);
    }
    return out + quote;
  }

  std::string bytes(const Buffer& v) const override {
    const char quote = quote_for(v.view());
    std::string out{'b', quote};
    for (const char byte : v.view()) {
      const auto c = static_cast<unsigned char>(byte);
      if (c < 0x20 || c >= 0x7F) {
        out += escaped(c);
      } else {
        if (byte == quote || byte == '\\') out += '\\';
        out += byte;
      }
    }
    return out + quote;
  }

  std::string tensor(const Tensor& v) const override {
    // What Python's own complex numbers are on their way.
    if (v.shape.empty() && is_complex(v.dtype)) {
      return complex(std::get<std::complex<double>>(element(v, 0)));
    }
    std::string shape;
    for (const std::int64_t size : v.shape)
      shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    if (v.shape.size() == 1) shape += ",";
    const std::string dtype(v.dtype == DType::bool8 ? "bool" : to_string(v.dtype));
    return summary("array(" + dtype + ", shape (" + shape + "))", v);
  }

  Container list(const Value::List& v) const override {
    Container result{'[', ']', {}};
    for (const Value& item : v) result.members.push_back({{}, &item});
    return result;
  }

  // As they came: a dict has an order.
  Container map(const Value::Map& v) const override {
    Container result{'{', '}', {}};
    for (const auto& [key, item] : v) result.members.push_back({key_text(key) + ": ", &item});
    return result;
  }

 private:
  // A list cannot be a key: it was a tuple before it was sent.
  std::string key_text(const Value& key) const {
    const auto* items = std::get_if<Value::List>(&key.variant());
    if (!items) return flat_text(key, *this);
    std::string out = "(";
    for (const Value& item : *items) out += (out.size() > 1 ? ", " : "") + key_text(item);
    return out + (items->size() == 1 ? ",)" : ")");
  }
};

}  // namespace

const LiteralFormatter& python_literals() {
  static const PythonSpelling formatter;
  return formatter;
}

}  // namespace oast::cli
