#include "messages.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace oast::detail {

namespace {

using Text = flatbuffers::Offset<flatbuffers::String>;
using What = Evaluator::Request::What;
using wire::text;

Text write(wire::Writer& writer, std::string_view s) {
  return s.empty() ? Text{} : writer.string(s);
}

/// 0 is none: one that is over already counts as a millisecond.
std::uint64_t deadline_ms(std::optional<std::chrono::milliseconds> time) {
  return time ? static_cast<std::uint64_t>(std::max<std::int64_t>(time->count(), 1)) : 0;
}

wire::Packet write(wire::Writer& writer, RequestId id, const Evaluator::Request& request,
                   const EvalOptions& options) {
  auto& builder = writer.builder();
  const auto reply = static_cast<wire::Reply>(request.reply);
  const std::uint64_t timeout = deadline_ms(options.timeout);
  const std::uint64_t kill = timeout == 0 ? 0 : deadline_ms(options.kill_after);
  const Text code = write(writer, request.text);
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Value>>> args;
  if (!options.args.empty()) args = writer.values(options.args);
  if (request.what == What::eval) {
    const Text name = write(writer, options.source_name);
    return writer.finish(id,
                         wire::CreateEval(builder, code, name, args, options.lane, reply, timeout,
                                          kill, options.keep),
                         wire::kNumberLater);
  }
  const Text path = request.what == What::call ? code : Text{};
  const Text source = request.what == What::call ? Text{} : code;
  return writer.finish(id,
                       wire::CreateCall(builder, path, source, args, options.lane, reply, timeout,
                                        kill, options.keep),
                       wire::kNumberLater);
}

/// This thread's: empty between messages.
wire::Writer& writer_of_this_thread() {
  thread_local wire::Writer writer;
  return writer;
}

/// For fields that are 32 bits wide on the wire; a longer time counts as the longest.
std::uint32_t wire_ms(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

std::vector<std::string> strings(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* all) {
  std::vector<std::string> result;
  if (all != nullptr)
    for (const auto* one : *all) result.emplace_back(text(one));
  return result;
}

}  // namespace

wire::Packet build(RequestId id, const Evaluator::Request& request, const EvalOptions& options) {
  return write(writer_of_this_thread(), id, request, options);
}

wire::Packet build_put(RequestId id, ChannelId channel, const Value& value, bool back) {
  wire::Writer& writer = writer_of_this_thread();
  const auto written = writer.value(value);
  return writer.finish(id, wire::CreateChannelPut(writer.builder(), channel.value, written, back),
                       wire::kNumberLater);
}

wire::StartT start_request(std::string_view spec, const StartOptions& options) {
  wire::StartT asked;
  asked.spec = spec;
  asked.name = options.name;
  for (const auto& [name, value] : options.env) {
    auto variable = std::make_unique<wire::EnvVarT>();
    variable->name = name;
    variable->value = value;
    asked.env.push_back(std::move(variable));
  }
  asked.cwd = options.cwd;
  asked.detached = options.detach;
  asked.timeout_ms = wire_ms(options.timeout);
  asked.exename = options.exename;
  asked.exeflags = options.exeflags;
  asked.restart = static_cast<wire::RestartPolicy>(options.restart);
  asked.restart_intensity = options.restart_intensity;
  asked.restart_period_ms = wire_ms(options.restart_period);
  return asked;
}

wire::StopT stop_request(KernelId kernel, const StopOptions& options) {
  wire::StopT asked;
  asked.kernel = kernel.value;
  asked.exit_timeout_ms = wire_ms(options.exit_timeout);
  asked.term_timeout_ms = wire_ms(options.term_timeout);
  return asked;
}

wire::InterruptT interrupt_request(KernelId kernel, const InterruptOptions& options,
                                   RequestId request, PeerId host) {
  wire::InterruptT asked;
  asked.kernel = kernel.value;
  asked.request = request.value;
  asked.host = host.value;
  asked.timeout_ms = wire_ms(options.timeout);
  asked.escalate = options.escalate;
  return asked;
}

wire::SignalT signal_request(KernelId kernel, int signal) {
  wire::SignalT asked;
  asked.kernel = kernel.value;
  asked.signal = signal;
  return asked;
}

Output read(const wire::Output& output, std::span<const Buffer> buffers) {
  const auto* bytes = output.bytes();
  const bool utf8 =
      bytes == nullptr || bytes->size() == 0;  // NOLINT(readability-container-size-empty)
  Output result{
      .stream = static_cast<Output::Stream>(output.kind()),
      .text = utf8 ? std::string(text(output.text())) : std::string(bytes->begin(), bytes->end()),
      .utf8 = utf8,
      .parts = {},
      .display_id = std::string(text(output.display_id())),
      .update = output.update(),
      .wait = output.wait(),
      .result = output.result()};
  if (output.parts() == nullptr) return result;
  for (const auto* part : *output.parts()) {
    const auto index = static_cast<std::size_t>(part->buffer());
    Value content = part->buffer() >= 0 && index < buffers.size() ? Value(buffers[index])
                                                                  : Value(text(part->text()));
    result.parts.emplace_back(text(part->mime()), std::move(content));
  }
  return result;
}

KernelInfo read(const wire::KernelInfo& info) {
  KernelInfo result;
  result.id = KernelId{info.id()};
  result.name = text(info.name());
  result.spec = text(info.spec());
  result.state = static_cast<KernelState>(info.state());
  result.pid = info.pid();
  result.owner = PeerId{info.owner()};
  result.detached = info.detached();
  result.request = RequestId{info.request()};
  result.request_host = PeerId{info.request_host()};
  result.request_ms = info.request_ms();
  result.queued = info.queued();
  result.rss_bytes = info.rss_bytes();
  result.cpu_seconds = info.cpu_seconds();
  result.heartbeat_ms = info.heartbeat_ms();
  result.age_ms = info.age_ms();
  result.held_by = PeerId{info.held_by()};
  result.held_ms = info.held_ms();
  result.unacknowledged_bytes = info.unacknowledged_bytes();
  result.log_first = info.log_first();
  result.log_last = info.log_last();
  result.log_bytes = info.log_bytes();
  result.log_problem = wire::text(info.log_problem());
  if (info.death() != nullptr) result.death = wire::read(info.death());
  result.restarts = info.restarts();
  result.successor = KernelId{info.successor()};
  return result;
}

KernelInfo read(const wire::Kernel& kernel) {
  if (kernel.info() == nullptr)
    throw Error(FailureKind::incompatible, "the broker's answer is empty");
  return read(*kernel.info());
}

std::vector<KernelInfo> read(const wire::Listing& listing) {
  std::vector<KernelInfo> result;
  if (listing.kernels() != nullptr)
    for (const auto* info : *listing.kernels()) result.push_back(read(*info));
  return result;
}

std::vector<SpecInfo> read(const wire::Specs& specs) {
  std::vector<SpecInfo> result;
  if (specs.specs() == nullptr) return result;
  for (const auto* spec : *specs.specs()) {
    result.push_back({.name = std::string(text(spec->name())),
                      .language = std::string(text(spec->language())),
                      .display_name = std::string(text(spec->display_name())),
                      .argv = strings(spec->argv()),
                      .problem = std::string(text(spec->problem())),
                      .features = strings(spec->features())});
  }
  return result;
}

Completions read(const wire::Completions& completions) {
  return {.matches = strings(completions.matches()),
          .start = completions.start(),
          .end = completions.end()};
}

Completeness read(const wire::Completeness& completeness) {
  return {.status = static_cast<CodeStatus>(completeness.status()),
          .indent = std::string(text(completeness.indent()))};
}

}  // namespace oast::detail
