#include "replies.hpp"
#include "oast/utf8.hpp"

#include <utility>

namespace oast::kernel {

namespace {

constexpr std::size_t kLongestText = std::size_t{64} * 1024;

}  // namespace

wire::Packet result_packet(wire::Writer& writer, RequestId id, const Value& value) try {
  const auto written = writer.value(value);
  return writer.finish(id, wire::CreateResult(writer.builder(), written), wire::kNumberLater);
} catch (const Error& error) {
  // The value is the code's doing, not the caller's.
  return failure_packet(id, make_failure(FailureKind::remote_exception,
                                         "the value cannot be sent: " + error.failure().message));
}

wire::Packet failure_packet(RequestId id, Failure failure) {
  failure.message = to_utf8(failure.message, kLongestText);
  failure.type = to_utf8(failure.type, kLongestText);
  for (std::string& line : failure.traceback) line = to_utf8(line, kLongestText);
  return wire::pack(id, failure, wire::kNumberLater);
}

}  // namespace oast::kernel
