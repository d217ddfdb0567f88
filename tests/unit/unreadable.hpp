// Messages that a peer of a later version may send, and this one cannot read.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <memory>
#include <utility>

#include "oast/codec.hpp"

namespace oast::test {

/// The same message with a body of a type that is not known yet.
inline wire::Packet of_later_version(wire::Packet packet) {
  flatbuffers::GetMutableRoot<flatbuffers::Table>(packet.message.data())
      ->SetField<std::uint8_t>(wire::Message::VT_BODY_TYPE, 200, 0);
  return packet;
}

/// A value of a kind that is not known yet.
inline std::unique_ptr<wire::ValueT> later_value() {
  auto value = std::make_unique<wire::ValueT>();
  value->kind = static_cast<wire::ValueKind>(200);
  return value;
}

inline wire::EvalT unreadable_eval() {
  wire::EvalT eval;
  eval.args.push_back(later_value());
  return eval;
}

}  // namespace oast::test
