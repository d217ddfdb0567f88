// Between the public types and the wire's.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "oast/broker.hpp"
#include "oast/codec.hpp"
#include "oast/evaluator.hpp"
#include "oast/worker.hpp"

namespace oast::detail {

// Messages to kernels are packed with kNumberLater, for a session.

/// The Eval or Call message of a request. Throws Error(invalid) for what is too large or
/// nests too deeply.
wire::Packet build(RequestId id, const Evaluator::Request& request, const EvalOptions& options);
/// A ChannelPut.
wire::Packet build_put(RequestId id, ChannelId channel, const Value& value, bool back);

wire::StartT start_request(std::string_view spec, const StartOptions& options);
/// Of a kernel that nobody has a use for. What it does at its end (atexit in Python) gets the time
/// that the documents promise.
inline constexpr StopOptions kLastStop{std::chrono::milliseconds(2000),
                                       std::chrono::milliseconds(500)};
wire::StopT stop_request(KernelId kernel, const StopOptions& options);
/// `request` none: whatever runs now; `host` none: the sender's.
wire::InterruptT interrupt_request(KernelId kernel, const InterruptOptions& options,
                                   RequestId request = {}, PeerId host = {});
wire::SignalT signal_request(KernelId kernel, int signal);

Output read(const wire::Output& output, std::span<const Buffer> buffers);
KernelInfo read(const wire::KernelInfo& info);
/// Throws Error(incompatible) when it is empty.
KernelInfo read(const wire::Kernel& kernel);
std::vector<KernelInfo> read(const wire::Listing& listing);
std::vector<SpecInfo> read(const wire::Specs& specs);
Completions read(const wire::Completions& completions);
Completeness read(const wire::Completeness& completeness);

}  // namespace oast::detail
