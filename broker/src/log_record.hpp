// What a kernel said to hosts, as the log of that kernel keeps it.
#pragma once

#include <cstdint>

#include "oast/codec.hpp"
#include "oast/ids.hpp"
#include "oast/session_stream.hpp"

namespace oast::broker {

/// Output, an input request, an answer, the kernel's death.
struct Record {
  std::uint64_t number = 0;  ///< counts what this kernel says, from 1, without holes
  PeerId host;               ///< whom it is for
  RequestId request;
  wire::Body body = wire::Body::NONE;
  wire::Packet packet;
};

/// The one answer to a request, which its host is to acknowledge.
constexpr bool is_reply(wire::Body body) {
  switch (body) {
    case wire::Body::Result:
    case wire::Body::Failure:
    case wire::Body::Completions:
    case wire::Body::Inspection:
    case wire::Body::Completeness:
      return true;
    default:
      return false;
  }
}

/// As wire::share.
inline Record share(Record& record) {
  return {record.number, record.host, record.request, record.body, wire::share(record.packet)};
}

}  // namespace oast::broker
