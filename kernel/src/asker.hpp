// Who asked for what.
#pragma once

#include "oast/ids.hpp"

namespace oast::kernel {

/// A request as a kernel knows it: ids of requests are chosen by hosts, so it takes both.
struct Asker {
  PeerId host;
  RequestId request;
  bool operator==(const Asker&) const = default;
};

}  // namespace oast::kernel
