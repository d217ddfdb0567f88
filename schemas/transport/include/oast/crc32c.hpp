// The checksum of records in files and in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace oast {

/// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, initial value and final XOR all ones, as
/// iSCSI has it (RFC 3720, section 12.1 and the examples of appendix B.4). `crc` is that of the
/// bytes before, so that it can be computed in pieces.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

/// The same without the processor's instruction for it.
std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace oast
