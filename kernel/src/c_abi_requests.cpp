// Requests, for C.
#include <memory>
#include <utility>

#include "c_abi.hpp"
#include "oast/utf8.hpp"
#include "replies.hpp"

namespace oast::kernel {

namespace {

using Why = KernelProcess::Why;

/// Something to point to.
constexpr char kLent = 0;

void read_args(oast_request& r, const flatbuffers::Vector<flatbuffers::Offset<wire::Value>>* args) {
  const auto buffers = wire::share(std::move(r.request.message.packet.buffers));
  r.args = std::make_shared<const CValues>(wire::read(args, buffers));
  r.view.args = r.args->get();
  r.view.args_count = r.args->size();
}

oast_text text_to_c(const flatbuffers::String* text) { return to_c(wire::text(text)); }

void read_eval(oast_request& r, const wire::Eval& eval) {
  r.view.kind = OAST_REQUEST_EVAL;
  r.view.want = static_cast<std::uint32_t>(eval.reply());
  r.view.code = text_to_c(eval.code());
  r.view.source_name = text_to_c(eval.source_name());
  r.view.lane = eval.lane();
  read_args(r, eval.args());
}

void read_call(oast_request& r, const wire::Call& call) {
  r.view.kind = OAST_REQUEST_CALL;
  r.view.want = static_cast<std::uint32_t>(call.reply());
  r.view.code = text_to_c(call.source());
  r.view.function = text_to_c(call.function());
  r.view.lane = call.lane();
  read_args(r, call.args());
}

/// Nothing else reaches an intake.
void read_query(oast_request& r, const wire::Message& message) {
  if (const auto* complete = message.body_as_Complete()) {
    r.view.kind = OAST_REQUEST_COMPLETE;
    r.view.code = text_to_c(complete->code());
    r.view.cursor = complete->cursor();
  } else if (const auto* inspect = message.body_as_Inspect()) {
    r.view.kind = OAST_REQUEST_INSPECT;
    r.view.code = text_to_c(inspect->code());
    r.view.cursor = inspect->cursor();
    r.view.detail = inspect->detail();
  } else if (const auto* is_complete = message.body_as_IsComplete()) {
    r.view.kind = OAST_REQUEST_IS_COMPLETE;
    r.view.code = text_to_c(is_complete->code());
  }
}

void end(oast_request& r, wire::Packet reply) {
  r.open = false;
  // Moved out: what the request holds is given up also while the engine waits for the next.
  const Request request = std::exchange(r.request, {});
  const auto args = std::exchange(r.args, {});
  KernelProcess& process = r.kernel->process;
  if (r.query) return process.answer_query(request, std::move(reply));
  if (r.run) return process.answer(request, *r.run, std::move(reply));
  process.answer(request, std::move(reply));
}

void give_back_if_ended(oast_request& r) {
  if (r.run && !r.open) r.kernel->of_lanes.give_back(r);
}

void end_failed(oast_request& r, Failure failure) {
  const RequestId id = r.request.key().id;
  end(r, failure_packet(id, std::move(failure)));
}

/// Ends the request as `make` says, with a packet, or with what it throws, which is also returned.
template <class Make>
oast_status answer(oast_request* r, const Make& make) noexcept {
  const oast_status status = guarded([&] {
    if (r == nullptr || !r->open) return failed(OAST_INVALID, "the request is answered already");
    try {
      end(*r, make(r->request.key().id));
    } catch (const Error& error) {
      if (!r->open) throw;
      end_failed(*r, error.failure());
      throw;
    } catch (const std::exception& error) {
      if (r->open) end_failed(*r, make_failure(FailureKind::remote_exception, error.what()));
      throw;
    }
    return OAST_OK;
  });
  if (r != nullptr) give_back_if_ended(*r);
  return status;
}

void require(const oast_request& r, oast_request_kind kind) {
  if (r.view.kind != static_cast<std::uint32_t>(kind))
    throw Error(FailureKind::invalid, "the kernel's answer is of another kind than the request");
}

void hand_out(oast_request& r, Request request) {
  r.request = std::move(request);
  r.open = true;
  r.view = {};
  r.view.tag = r.kernel->tags.add(r.request.key());
  const wire::Message& message = r.request.message.packet.root();
  if (const auto* eval = message.body_as_Eval())
    read_eval(r, *eval);
  else if (const auto* call = message.body_as_Call())
    read_call(r, *call);
  else
    read_query(r, message);
}

/// A request that there is no memory for fails, and the host hears of it.
oast_status hand_out(oast_request& r, Request given, oast_request** request) {
  try {
    hand_out(r, std::move(given));
  } catch (...) {
    end_failed(r, make_failure(FailureKind::overloaded, "the kernel cannot take the request"));
    give_back_if_ended(r);
    throw;
  }
  *request = &r;
  return OAST_OK;
}

oast_status not_handed_out(Why why) {
  switch (why) {
    case Why::request:
    case Why::ended:
      break;
    case Why::timeout:
      return failed(OAST_TIMEOUT, "no request came in time");
    case Why::signalled:
      return failed(OAST_INTERRUPTED, "a signal came while nothing ran");
  }
  return failed(OAST_DISCONNECTED, "the kernel shall end");
}

oast_status hand_out(oast_request& r, KernelProcess::Next next, oast_request** request) {
  if (next.why != Why::request) return not_handed_out(next.why);
  return hand_out(r, std::move(*next.request), request);
}

oast_status hand_out(oast_kernel& kernel, KernelProcess::NextOfLanes next, oast_request** request) {
  if (next.why == Why::signalled)
    return failed(OAST_INTERRUPTED, "a request of a lane was interrupted");
  if (next.why != Why::request) return not_handed_out(next.why);
  oast_request& r = kernel.of_lanes.get();
  r.run = std::move(next.begun->run);
  return hand_out(r, std::move(next.begun->request), request);
}

/// The value as the host wants it.
Value wanted(oast_request& r, oast_value nodes, const std::shared_ptr<const void>& lender) {
  if (r.view.want == OAST_WANT_DONE || r.view.want == OAST_WANT_NOTHING) return {};
  Value value = from_c(nodes, lender);
  if (r.view.want != OAST_WANT_CHANNEL) return value;
  const auto* number = std::get_if<std::int64_t>(&value.variant());
  const auto id = ChannelId{number == nullptr ? 0 : static_cast<std::uint64_t>(*number)};
  if (!r.kernel->process.shared().channels.existed(id))
    throw Error(FailureKind::remote_exception, "the value is not a channel");
  return value;
}

}  // namespace

}  // namespace oast::kernel

using namespace oast::kernel;  // NOLINT(google-build-using-namespace)

extern "C" {

oast_status oast_kernel_next(oast_kernel* kernel, int timeout_ms, oast_request** request) {
  return guarded([&] {
    if (kernel->running.open)
      return failed(OAST_INVALID, "the request before this one is not answered yet");
    return hand_out(kernel->running, kernel->process.next_within(timeout_from_c(timeout_ms)),
                    request);
  });
}

oast_status oast_kernel_next_query(oast_kernel* kernel, int timeout_ms, oast_request** request) {
  return guarded([&] {
    if (kernel->query.open)
      return failed(OAST_INVALID, "the query before this one is not answered yet");
    return hand_out(kernel->query, kernel->process.next_query(timeout_from_c(timeout_ms)), request);
  });
}

oast_status oast_kernel_next_of_lanes(oast_kernel* kernel, int timeout_ms, oast_request** request) {
  return guarded([&] {
    return hand_out(*kernel, kernel->process.next_of_lanes(timeout_from_c(timeout_ms)), request);
  });
}

void oast_request_run_here(oast_request* request) { RuntimeServices::run_here(request->run); }

int oast_request_interrupted(const oast_request* request) {
  return request->run ? request->run->interrupted() : oast_kernel_interrupted(request->kernel);
}

int oast_kernel_fd(oast_kernel* kernel) {
  int fd = -1;
  guarded([&] {
    fd = kernel->process.fd();
    return OAST_OK;
  });
  return fd;
}

const oast_request_view* oast_request_get(const oast_request* request) { return &request->view; }

oast_memory* oast_request_retain(oast_request* request) {
  oast_memory* memory = nullptr;
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the caller's
  guarded([&] { return memory = new oast_memory{request->args}, OAST_OK; });
  return memory;
}

void oast_memory_release(oast_memory* memory) {
  delete memory;  // NOLINT(cppcoreguidelines-owning-memory): given back
}

oast_status oast_request_reply(oast_request* request, oast_value value, oast_release release,
                               void* context) {
  std::shared_ptr<const void> lender;
  return guarded([&] {
    // What the pointer is does not matter, as long as it is one.
    if (release != nullptr)
      lender.reset(static_cast<const void*>(&kLent),
                   [release, context](const void*) { release(context); });
    bool sent = true;
    const oast_status status = answer(request, [&](oast::RequestId id) {
      oast::wire::Writer writer;
      auto packet = result_packet(writer, id, wanted(*request, value, lender));
      sent = packet.root().body_as_Result() != nullptr;
      return packet;
    });
    if (!sent) return failed(OAST_INVALID, "the value cannot be sent; its request has failed");
    return status;
  });
}

oast_status oast_request_fail(oast_request* request, const oast_failure* failure) {
  return answer(request, [&](oast::RequestId id) {
    if (failure == nullptr)
      throw oast::Error(oast::FailureKind::invalid, "the kernel failed without saying why");
    return failure_packet(id, oast::from_c(*failure));
  });
}

oast_status oast_request_completions(oast_request* request, const oast_text* matches, size_t count,
                                     uint32_t start, uint32_t end) {
  return answer(request, [&](oast::RequestId id) {
    require(*request, OAST_REQUEST_COMPLETE);
    oast::wire::CompletionsT completions;
    for (size_t i = 0; i < count; ++i)
      completions.matches.push_back(oast::to_utf8(oast::from_c(matches[i])));
    completions.start = start;
    completions.end = end;
    return oast::wire::pack(id, completions, oast::wire::kNumberLater);
  });
}

oast_status oast_request_inspection(oast_request* request, const oast_text* text) {
  return answer(request, [&](oast::RequestId id) {
    require(*request, OAST_REQUEST_INSPECT);
    oast::wire::InspectionT inspection;
    inspection.found = text != nullptr;
    if (text != nullptr) inspection.text = oast::to_utf8(oast::from_c(*text));
    return oast::wire::pack(id, inspection, oast::wire::kNumberLater);
  });
}

oast_status oast_request_completeness(oast_request* request, oast_code_status status,
                                      oast_text indent) {
  return answer(request, [&](oast::RequestId id) {
    require(*request, OAST_REQUEST_IS_COMPLETE);
    if (status < OAST_CODE_COMPLETE || status > OAST_CODE_UNKNOWN)
      throw oast::Error(oast::FailureKind::invalid, "the kernel's answer is no code status");
    oast::wire::CompletenessT completeness;
    completeness.status = static_cast<oast::wire::CodeStatus>(status);
    completeness.indent = oast::to_utf8(oast::from_c(indent));
    return oast::wire::pack(id, completeness, oast::wire::kNumberLater);
  });
}

int oast_kernel_interrupted(const oast_kernel* kernel) { return kernel->process.interrupted(); }

void oast_kernel_interrupts_raised(oast_kernel* kernel, int count) {
  kernel->process.interrupts_raised(count);
}

void oast_request_interrupts_raised(oast_request* request, int count) {
  if (request->run)
    request->run->raised(count);
  else
    oast_kernel_interrupts_raised(request->kernel, count);
}

}  // extern "C"
