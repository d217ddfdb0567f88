// The order in which map entries are shown.
#pragma once

#include <vector>

#include "oast/value.hpp"

namespace oast::cli {

/// Pointers to the entries: numbers ascending, then strings by byte, then all others as they came.
std::vector<const Value::Map::value_type*> sorted_entries(const Value::Map& map);

}  // namespace oast::cli
