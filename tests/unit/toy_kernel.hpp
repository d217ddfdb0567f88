// Where the toy kernel is.
#pragma once

#include <string>

namespace oast::test {

inline const std::string kToy = OAST_TOY_KERNEL;

}  // namespace oast::test
