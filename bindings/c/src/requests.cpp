// What is asked of a worker.
#include <chrono>
#include <cstdint>

#include "api_boundary.hpp"
#include "handles.hpp"

using oast::Error;
using oast::EvalOptions;
using oast::FailureKind;
using oast::c::guarded;
using oast::c::need;
using Request = oast::Evaluator::Request;

namespace {

/// An ask as C++. Whatever the caller lent or registered is released, also when this throws.
class Asked {
 public:
  explicit Asked(const oast_ask* ask)
      : given_(oast::read_options(&need(ask, "what is asked"))),
        lender_(oast::c::lender(given_.release, given_.release_context)),
        callbacks_(given_.callbacks) {
    if (given_.what > OAST_CALL_SOURCE || given_.want > OAST_WANT_DISPLAYED)
      throw Error(FailureKind::invalid, "what or want is none of its enum");
  }

  Request request() const {
    return {.what = static_cast<Request::What>(given_.what),
            .text = oast::from_c(given_.text),
            .reply = static_cast<Request::Reply>(given_.want),
            .blocking = given_.blocking != 0};
  }
  EvalOptions options() {
    EvalOptions made;
    made.source_name = oast::from_c(given_.source_name);
    made.args = oast::from_c(given_.args, given_.args_count, lender_);
    made.lane = given_.lane;
    if (given_.timeout_ms > 0) made.timeout = std::chrono::milliseconds(given_.timeout_ms);
    if (given_.kill_ms > 0) made.kill_after = std::chrono::milliseconds(given_.kill_ms);
    made.keep = given_.keep != 0;
    made.on_output = std::move(callbacks_.on_output);
    made.on_input = std::move(callbacks_.on_input);
    return made;
  }
  bool wants_nothing() const { return given_.want == OAST_WANT_NOTHING; }
  std::int64_t timeout_ms() const { return given_.timeout_ms > 0 ? given_.timeout_ms : -1; }

 private:
  const oast_ask given_;
  const std::shared_ptr<const void> lender_;
  oast::c::Callbacks callbacks_;
};

}  // namespace

extern "C" {

oast_status oast_submit(oast_worker* worker, const oast_ask* ask, oast_future** future) {
  return guarded([&] {
    Asked asked(ask);
    if (asked.wants_nothing() && future != nullptr)
      throw Error(FailureKind::invalid, "nobody answers what wants nothing");
    const auto answer =
        need(worker, "the worker").evaluator->submit(asked.request(), asked.options());
    oast::c::give(future, answer.pending());
  });
}

oast_status oast_fetch(oast_worker* worker, const oast_ask* ask, oast_future** future,
                       oast_value* value) {
  oast_status status = OAST_OK;
  const oast_status error = guarded([&] {
    Asked asked(ask);
    if (asked.wants_nothing())
      throw Error(FailureKind::invalid, "nobody answers what wants nothing");
    if (value != nullptr) need(future, "the future, which keeps the value,");
    Request request = asked.request();
    request.blocking = true;
    const auto pending =
        need(worker, "the worker").evaluator->submit(request, asked.options()).pending();
    try {
      if (!oast::c::wait(*pending, asked.timeout_ms()))
        throw Error(FailureKind::timeout, "no answer after " + std::to_string(asked.timeout_ms()) +
                                              " ms; it was cancelled");
    } catch (const Error&) {
      pending->cancel();
      pending->mute();  // its callbacks may refer to what the caller is about to leave
      throw;
    }
    auto answer = std::make_unique<oast_future>(pending);
    status = answer->finish();
    if (status != OAST_OK || future == nullptr) return;
    if (value != nullptr) *value = answer->value.get();
    *future = answer.release();
  });
  return error != OAST_OK ? error : status;
}

oast_status oast_complete(oast_worker* worker, oast_text code, size_t cursor,
                          const oast_completions** completions) {
  thread_local oast::Completions kept;
  thread_local std::vector<oast_text> matches;
  thread_local oast_completions view;
  return guarded([&] {
    kept = need(worker, "the worker").evaluator->complete(oast::from_c(code), cursor);
    matches.clear();
    for (const auto& match : kept.matches) matches.push_back(oast::to_c(match));
    view = {matches.data(), matches.size(), kept.start, kept.end};
    need(completions, "the room for completions") = &view;
  });
}

oast_status oast_inspect(oast_worker* worker, oast_text code, size_t cursor, int detail,
                         oast_text* text) {
  thread_local std::optional<std::string> kept;
  return guarded([&] {
    kept = need(worker, "the worker").evaluator->inspect(oast::from_c(code), cursor, detail);
    need(text, "the room for the text") = kept ? oast::to_c(*kept) : oast_text{};
  });
}

oast_status oast_is_complete(oast_worker* worker, oast_text code, uint32_t* status,
                             oast_text* indent) {
  thread_local oast::Completeness kept;
  return guarded([&] {
    kept = need(worker, "the worker").evaluator->is_complete(oast::from_c(code));
    need(status, "the room for the status") = static_cast<std::uint32_t>(kept.status);
    if (indent != nullptr) *indent = oast::to_c(kept.indent);
  });
}
}
