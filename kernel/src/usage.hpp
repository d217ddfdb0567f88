// What this process uses.
#pragma once

#include <cstdint>

namespace oast::kernel {

/// Resident memory, in bytes; 0 where that cannot be found out.
std::uint64_t resident_bytes();

/// User and system time, in seconds.
double cpu_seconds();

}  // namespace oast::kernel
