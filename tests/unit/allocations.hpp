// Counts allocations, in a test program that links allocations.cpp.
#pragma once

#include <cstddef>

namespace oast::testing {

/// Calls of operator new so far, on any thread. What C libraries allocate is not counted.
std::size_t allocations();

}  // namespace oast::testing
