#include "terminal_text.hpp"

#include <wchar.h>

#include <array>

namespace oast::cli {
namespace {

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

std::size_t width_of(char32_t point) {
  const int width = wcwidth(static_cast<wchar_t>(point));
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  if (text.empty()) return {};
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = sequence_length(lead);
  if (size == 0 || size > text.size()) return {};
  if (size == 1) return {lead, 1};
  char32_t value = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0u) != 0x80u) return {};
    value = (value << 6) | (byte & 0x3Fu);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast.at(size) || value > 0x10FFFF || surrogate) return {};
  return {value, size};
}

std::size_t columns(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    width += point.size == 0 ? 1 : width_of(point.value);
    text.remove_prefix(point.size == 0 ? 1 : point.size);
  }
  return width;
}

std::string shorten(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t used = 1;  // the ellipsis
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint point = first_code_point(text.substr(bytes));
    const std::size_t wide = point.size == 0 ? 1 : width_of(point.value);
    if (used + wide > width) break;
    used += wide;
    bytes += point.size == 0 ? 1 : point.size;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const bool control =
        point.size == 0 || point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0);
    if (control) {
      out += '?';
    } else {
      out += text.substr(0, point.size);
    }
    text.remove_prefix(point.size == 0 ? 1 : point.size);
  }
  return out;
}

}  // namespace oast::cli
