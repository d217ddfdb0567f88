#include "utf8_repair.hpp"

#include <cstdint>
#include <cstring>

namespace oast::kernel {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// How many bytes at the start are ASCII; looks at eight at a time.
std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t n = 0;
  for (; n + 8 <= bytes.size(); n += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + n, 8);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  while (n < bytes.size() && static_cast<unsigned char>(bytes[n]) < 0x80) ++n;
  return n;
}

struct Sequence {
  enum class Is : unsigned char { whole, cut_off, invalid } is;
  std::size_t length;  ///< bytes that belong to it, at least 1
};

/// Reads one sequence that starts with a byte of 0x80 or more. The ranges are those of table 3-7 of
/// the Unicode Standard.
Sequence read_sequence(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = at(0);
  if (first < 0xC2 || first > 0xF4) return {Sequence::Is::invalid, 1};
  const std::size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i == bytes.size()) return {Sequence::Is::cut_off, i};
    if (at(i) < low || at(i) > high) return {Sequence::Is::invalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Sequence::Is::whole, wanted};
}

}  // namespace

std::size_t append_utf8(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + bytes.size());
  while (!bytes.empty()) {
    const std::size_t plain = ascii_prefix(bytes);
    out.append(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const auto [is, length] = read_sequence(bytes);
    if (is == Sequence::Is::cut_off) return length;
    out.append(is == Sequence::Is::whole ? bytes.substr(0, length) : kReplacement);
    bytes.remove_prefix(length);
  }
  return 0;
}

std::string to_utf8(std::string_view bytes, std::size_t limit) {
  std::string out;
  if (append_utf8(out, bytes.substr(0, limit)) > 0) out.append(kReplacement);
  return out;
}

}  // namespace oast::kernel
