#include "oast/evaluator.hpp"

#include <array>

namespace oast {

using Reply = Evaluator::Request::Reply;

std::string_view to_string(InterruptOutcome outcome) {
  static constexpr std::array<std::string_view, 6> kNames = {"interrupted",       "cancelled",
                                                             "already_finished",  "nothing_running",
                                                             "not_interruptible", "killed"};
  const auto index = static_cast<std::size_t>(outcome);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Value Evaluator::fetch(Request request, EvalOptions options) {
  const auto timeout = options.timeout;
  request.blocking = true;
  Future<Value> answer = submit(request, std::move(options));
  try {
    if (!timeout) {
      answer.wait();
    } else if (!answer.wait_for(*timeout)) {
      throw Error(FailureKind::timeout,
                  "no answer after " + std::to_string(timeout->count()) + " ms; it was cancelled");
    }
  } catch (const Error&) {
    answer.cancel();
    answer.pending()->mute();  // its callbacks may refer to what the caller is about to leave
    throw;
  }
  return answer.take();
}

Future<Value> Evaluator::remote_eval(std::string_view code, EvalOptions options) {
  return submit({.what = What::eval, .text = code}, std::move(options));
}

void Evaluator::remote_eval_wait(std::string_view code, EvalOptions options) {
  fetch({.what = What::eval, .text = code, .reply = Reply::done}, std::move(options));
}

Future<Value> Evaluator::remote_call(std::string_view function, std::vector<Value> args,
                                     EvalOptions options) {
  options.args = std::move(args);
  return submit({.what = What::call, .text = function}, std::move(options));
}

Future<Value> Evaluator::remote_call(Source function, std::vector<Value> args,
                                     EvalOptions options) {
  options.args = std::move(args);
  return submit({.what = What::call_source, .text = function.text}, std::move(options));
}

void Evaluator::remote_call_wait(std::string_view function, std::vector<Value> args,
                                 EvalOptions options) {
  options.args = std::move(args);
  fetch({.what = What::call, .text = function, .reply = Reply::done}, std::move(options));
}

void Evaluator::remote_call_wait(Source function, std::vector<Value> args, EvalOptions options) {
  options.args = std::move(args);
  fetch({.what = What::call_source, .text = function.text, .reply = Reply::done},
        std::move(options));
}

void Evaluator::remote_do(std::string_view code, EvalOptions options) {
  static_cast<void>(submit({.what = What::eval, .text = code, .reply = Reply::nothing},  //
                           std::move(options)));
}

void Evaluator::remote_do(Function function, std::vector<Value> args, EvalOptions options) {
  options.args = std::move(args);
  static_cast<void>(submit({.what = What::call, .text = function.path, .reply = Reply::nothing},
                           std::move(options)));
}

void Evaluator::remote_do(Source function, std::vector<Value> args, EvalOptions options) {
  options.args = std::move(args);
  static_cast<void>(
      submit({.what = What::call_source, .text = function.text, .reply = Reply::nothing},
             std::move(options)));
}

ChannelId Evaluator::open_channel(std::string_view code, EvalOptions options) {
  const Value number =
      fetch({.what = What::eval, .text = code, .reply = Reply::channel}, std::move(options));
  return ChannelId{static_cast<std::uint64_t>(number.as<std::int64_t>())};
}

}  // namespace oast
