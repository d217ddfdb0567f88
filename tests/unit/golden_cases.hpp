// What the golden messages hold: the same list writes the files and says what they must decode to.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "oast/codec.hpp"

namespace oast::testing {

struct Golden {
  std::string name;  ///< of the file, without ".bin"
  std::function<wire::Packet()> write;
  /// Whether a verified packet holds what this one should.
  std::function<bool(wire::Packet&)> matches;
};

std::vector<Golden> golden_cases();

}  // namespace oast::testing
