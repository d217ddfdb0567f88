// Terminal replies, as packets that a broker will take: records that the outbox will number.
#pragma once

#include "oast/codec.hpp"
#include "oast/ids.hpp"
#include "oast/kernel/engine_failure.hpp"

namespace oast::kernel {

/// A Result, or the Failure that says why the value cannot be sent.
wire::Packet result_packet(wire::Writer& writer, RequestId id, const Value& value);

/// Whatever bytes of whatever length an engine puts into its errors.
wire::Packet failure_packet(RequestId id, Failure failure);

}  // namespace oast::kernel
