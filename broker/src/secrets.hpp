// Secrets: made, compared, kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oast::broker {

/// `bytes` random bytes from the operating system. Throws std::system_error.
std::vector<std::uint8_t> random_bytes(std::size_t bytes);
/// 256 random bits in hexadecimal.
std::string make_token();
/// Compares in a time that depends on the lengths only.
bool equal_secret(std::string_view a, std::string_view b);

}  // namespace oast::broker
