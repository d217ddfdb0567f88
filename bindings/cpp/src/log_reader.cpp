#include <span>
#include <utility>
#include <vector>

#include "broker_impl.hpp"
#include "log_stream.hpp"
#include "messages.hpp"
#include "oast/log.hpp"
#include "oast/worker.hpp"

namespace oast {

/// The message as it came.
struct LogValue::Impl {
  wire::Packet packet;
  std::vector<Buffer> buffers;
};

Value LogValue::get() const {
  return wire::read(impl_->packet.root().body_as_Result()->value(), impl_->buffers);
}

namespace {

LogRecord read_record(wire::Addressed&& message, detail::ReceivedMemory& memory) {
  const auto buffers = memory.share(std::move(message.packet.buffers));
  const wire::Message& root = message.packet.root();
  LogRecord record{.number = root.number(),
                   .request = {message.route.host, RequestId{root.id()}},
                   .what = LogGap{}};
  if (const auto* output = root.body_as_Output()) {
    record.what = detail::read(*output, buffers);
  } else if (root.body_as_Result() != nullptr) {
    record.what = LogValue(
        std::make_shared<const LogValue::Impl>(LogValue::Impl{std::move(message.packet), buffers}));
  } else if (const auto* failure = root.body_as_Failure()) {
    record.what = wire::read(*failure);
  } else if (const auto* input = root.body_as_InputRequest()) {
    record.what =
        LogInput{std::string(wire::text(input->prompt())), input->password(), input->block_bytes()};
  } else if (const auto* gap = root.body_as_Gap()) {
    record.number = gap->first();
    record.request = {};
    record.what = LogGap{gap->first(), gap->last(), gap->bytes()};
  } else if (const auto* ended = root.body_as_Ended()) {
    record.request = {};
    record.what = LogEnded{wire::read(ended->death()), KernelId{ended->successor()}};
  } else {
    throw Error(FailureKind::unimplemented, "this host does not know such records");
  }
  return record;
}

}  // namespace

struct LogReader::Impl {
  Broker broker;
  std::shared_ptr<detail::Session> session;
  std::shared_ptr<detail::LogStream> stream;
};

LogReader::LogReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogReader::~LogReader() { close(); }
LogReader::LogReader(LogReader&&) noexcept = default;

LogReader& LogReader::operator=(LogReader&& other) noexcept {
  if (this != &other) {
    close();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

LogReader Broker::read_log(KernelId kernel, LogOptions options) const {
  auto stream = impl_->session->read_log(kernel, options);
  return LogReader(
      std::make_unique<LogReader::Impl>(LogReader::Impl{*this, impl_->session, std::move(stream)}));
}

LogReader Broker::read_log(KernelId kernel) const { return read_log(kernel, LogOptions{}); }

LogReader Worker::read_log(LogOptions options) const { return broker().read_log(id(), options); }

std::optional<LogRecord> LogReader::next_until(std::optional<Clock::time_point> deadline) {
  auto message = impl_->session->next(*impl_->stream, deadline);
  if (!message) return std::nullopt;
  return read_record(std::move(*message), impl_->session->memory());
}

bool LogReader::ready() const { return impl_->stream->ready(); }

void LogReader::when_ready(std::function<void()> action) {
  impl_->stream->when_ready(std::move(action));
}

std::uint64_t LogReader::position() const { return impl_->stream->position(); }

void LogReader::close() noexcept {
  if (impl_) impl_->session->close_log(*impl_->stream);
}

}  // namespace oast
