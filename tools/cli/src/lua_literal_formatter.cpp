#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "literal_formatter.hpp"
#include "map_order.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

constexpr std::array<std::string_view, 22> kReserved{
    "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
    "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
    "repeat",   "return", "then", "true", "until",  "while"};

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto letter_or_digit = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text[0]) &&
         std::all_of(text.begin(), text.end(), letter_or_digit) &&
         std::find(kReserved.begin(), kReserved.end(), text) == kReserved.end();
}

std::string escaped_byte(unsigned byte) { return formatted("\\x%02X", byte); }

// Escapes that have a letter, and the two that always need one.
char short_escape(char32_t c) {
  switch (c) {
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '"':
    case '\\':
      return static_cast<char>(c);
    default:
      return 0;
  }
}

class LuaSpelling final : public LiteralFormatter {
 public:
  std::string nil() const override { return "nil"; }
  std::string boolean(bool v) const override { return v ? "true" : "false"; }

  std::string integer(std::int64_t v) const override {
    // Its digits would read as a float: the minus sign is an operator.
    if (v == std::numeric_limits<std::int64_t>::min()) return "math.mininteger";
    return std::to_string(v);
  }

  // In the form that tostring has.
  std::string number(double v) const override {
    if (std::isnan(v)) return "(0/0)";
    if (std::isinf(v)) return v > 0 ? "math.huge" : "-math.huge";
    const Decimal d = decimal(v);
    // Lua's own format, %.14g, turns to exponents there; more digits than 14 put that off.
    const bool scientific = d.exponent < -4 || d.exponent >= std::max(14, d.digits);
    return scientific ? d.scientific : with_point(d.plain);
  }

  std::string complex(std::complex<double> v) const override {
    const bool minus = std::signbit(v.imag());
    return number(v.real()) + (minus ? "-" : "+") + number(std::abs(v.imag())) + "i";
  }

  std::string text(std::string_view v) const override {
    std::string out = "\"";
    while (!v.empty()) {
      const CodePoint point = first_code_point(v);
      if (point.size == 0) {
        out += escaped_byte(static_cast<unsigned char>(v[0]));
      } else if (const char escape = short_escape(point.value)) {
        (out += '\\') += escape;
      } else if (point.value < 0x20 || point.value == 0x7F) {
        out += escaped_byte(point.value);
      } else if (point.value >= 0x80 && point.value < 0xA0) {
        out += formatted("\\u{%X}", point.value);
      } else {
        out += v.substr(0, point.size);
      }
      v.remove_prefix(point.size == 0 ? 1 : point.size);
    }
    return out + '"';
  }

  std::string bytes(const Buffer& v) const override {
    std::string out = "\"";
    for (const char byte : v.view()) {
      const auto c = static_cast<unsigned char>(byte);
      if (const char escape = short_escape(c)) {
        (out += '\\') += escape;
      } else if (c < 0x20 || c >= 0x7F) {
        out += escaped_byte(c);
      } else {
        out += byte;
      }
    }
    return out + '"';
  }

  std::string tensor(const Tensor& v) const override {
    std::string title = "tensor " + std::string(to_string(v.dtype)) + " ";
    for (std::size_t i = 0; i < v.shape.size(); ++i) {
      title += (i ? "x" : "") + std::to_string(v.shape[i]);
    }
    return summary(v.shape.empty() ? title + "scalar" : title, v);
  }

  Container list(const Value::List& v) const override {
    Container result{'{', '}', {}};
    for (const Value& item : v) result.members.push_back({{}, &item});
    return result;
  }

  // Sorted, because Lua's own order differs between runs; 1..n first, whose keys need not be
  // written.
  Container map(const Value::Map& v) const override {
    Container result{'{', '}', {}};
    const auto entries = sorted_entries(v);
    std::size_t begin = 0;
    while (begin < entries.size() && entries[begin]->first != Value(1)) ++begin;
    std::size_t end = begin;
    while (end < entries.size() && entries[end]->first == Value(end - begin + 1)) ++end;
    for (std::size_t i = begin; i < end; ++i) result.members.push_back({{}, &entries[i]->second});
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i >= begin && i < end) continue;
      result.members.push_back({key_text(entries[i]->first), &entries[i]->second});
    }
    return result;
  }

 private:
  std::string key_text(const Value& key) const {
    const auto* text = std::get_if<std::string>(&key.variant());
    if (text && is_identifier(*text)) return *text + " = ";
    return "[" + flat_text(key, *this) + "] = ";
  }
};

}  // namespace

const LiteralFormatter& lua_literals() {
  static const LuaSpelling formatter;
  return formatter;
}

}  // namespace oast::cli
