// A message that the engine has to answer.
#pragma once

#include <cstdint>

#include "oast/frames.hpp"
#include "oast/ids.hpp"

namespace oast::kernel {

struct Request {
  wire::Addressed message;

  /// Counts Evals and Calls from 1; 0: neither.
  std::uint64_t sequence() const { return message.route.sequence; }
  RequestKey key() const { return {message.peer, RequestId{message.packet.root().id()}}; }
  /// 0 for what has none.
  std::uint32_t lane() const {
    const wire::Message& root = message.packet.root();
    if (const auto* eval = root.body_as_Eval()) return eval->lane();
    if (const auto* call = root.body_as_Call()) return call->lane();
    return 0;
  }
};

}  // namespace oast::kernel
