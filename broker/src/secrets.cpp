#include "secrets.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace oast::broker {

std::vector<std::uint8_t> random_bytes(std::size_t bytes) {
  std::vector<std::uint8_t> result(bytes);
  std::size_t filled = 0;
  while (filled < bytes) {
    const auto got = ::getrandom(result.data() + filled, bytes - filled, 0);
    if (got < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "getrandom");
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return result;
}

std::string make_token() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string token;
  for (const auto byte : random_bytes(32)) {
    token += kDigits[byte >> 4];
    token += kDigits[byte & 15];
  }
  return token;
}

bool equal_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace oast::broker
