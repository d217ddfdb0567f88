// Reading logs over a session.
#include <exception>
#include <utility>

#include "session.hpp"

namespace oast::detail {

std::shared_ptr<LogStream> Session::read_log(KernelId kernel, const LogOptions& options) {
  wire::ReadLogT asked;
  asked.kernel = kernel.value;
  asked.from = options.from;
  asked.host = options.host.value;
  asked.request = options.request.value;
  asked.follow = options.follow;
  auto stream = std::make_shared<LogStream>(RequestId{++last_id_}, std::move(asked));
  if (!logs_.add(stream)) {
    stream->fail({.kind = FailureKind::disconnected, .message = "the connection ended"});
    return stream;
  }
  connection_.data().send(PeerId{}, stream->ask());
  attend();
  return stream;
}

std::optional<wire::Addressed> Session::next(LogStream& stream,
                                             std::optional<Clock::time_point> deadline) {
  if (!stream.ready() && !wait_for([&stream] { return stream.ready(); }, deadline))
    throw Error(FailureKind::timeout, "no record yet");
  LogStream::Taken taken = stream.take();
  if (taken.acknowledge != 0) acknowledge(peer_of(stream.kernel()), taken.acknowledge, stream.id());
  return std::move(taken.message);
}

void Session::close_log(LogStream& stream) noexcept try {
  stream.close();
  if (!logs_.remove(stream.id()) || !connected_) return;
  connection_.data().notify();  // who waits for its next record
  wire::CloseLogT asked;
  asked.reader = stream.id().value;
  connection_.data().send(PeerId{}, wire::pack(RequestId{++last_id_}, asked));
  attend();
} catch (const std::exception&) {
  // No memory: the broker goes on until it has sent 4 MiB.
}

}  // namespace oast::detail
