#include "execution_queue.hpp"

#include <utility>

#include "display_content.hpp"
#include "failure_content.hpp"
#include "value_text.hpp"

namespace oast::jupyter {

struct ExecutionQueue::Execution {
  explicit Execution(SharedExchange of) : exchange(std::move(of)) {
    const Json& content = exchange->content();
    code = text_at(content, "code");
    silent = flag_at(content, "silent", false);
    store_history = !silent && flag_at(content, "store_history", true);
    allow_stdin = flag_at(content, "allow_stdin", true);
    stop_on_error = flag_at(content, "stop_on_error", true);
    if (content.contains("user_expressions") && content["user_expressions"].is_object())
      expressions = content["user_expressions"];
  }

  SharedExchange exchange;
  std::string code;
  bool silent;
  bool store_history;
  bool allow_stdin;
  bool stop_on_error;
  Json expressions = Json::object();  // those that are not evaluated yet
  Json evaluated = Json::object();
  Json payload = Json::array();  // what the frontend shall do
  std::int64_t count = 0;
  std::string shown;  // what history keeps as its output
  Utf8Stream out;
  Utf8Stream err;
  std::string input_id;  // of the input request that waits; empty: none does
  KernelClient::Answer answer;
};

namespace {

bool is_payload(const Output& output) {
  return output.parts.size() == 1 && output.parts.front().first == kPayloadMime;
}

}  // namespace

ExecutionQueue::ExecutionQueue(Channels& channels, KernelClient& kernel, HistoryStore& history,
                               Comms& comms, unsigned lane)
    : channels_(channels), kernel_(kernel), history_(history), comms_(comms), lane_(lane) {}

void ExecutionQueue::add(SharedExchange exchange) {
  waiting_.push_back(std::move(exchange));
  if (!running_) next();
}

void ExecutionQueue::next() {
  if (dead_) abort_waiting();
  if (waiting_.empty()) {
    if (on_idle_) on_idle_();
    return;
  }
  running_ = std::make_shared<Execution>(std::move(waiting_.front()));
  waiting_.pop_front();
  if (Comms::is_comm(running_->exchange->request().type()))
    begin_comm(running_);
  else
    begin(running_);
}

void ExecutionQueue::begin(const SharedExecution& execution) {
  Exchange& exchange = *execution->exchange;
  replay(exchange.request().header);
  exchange.begin();
  last_parent_ = exchange.request().header;
  if (!execution->silent) {
    if (execution->store_history) ++count_;
    execution->count = count_;
    exchange.publish("execute_input",
                     {{"code", execution->code}, {"execution_count", execution->count}});
  }
  KernelClient::Execution request;
  request.lane = lane_;
  request.code = execution->code;
  if (execution->store_history) request.count = execution->count;
  if (!execution->store_history) request.source_name = "<silent>";  // for kernels that count cells
  request.on_output = [this, execution](const Output& shown, OutputHold hold) {
    output(*execution, shown, std::move(hold));
  };
  if (execution->allow_stdin)
    request.on_input = [this, execution](const InputRequest& asked, KernelClient::Answer answer) {
      ask_input(*execution, asked, std::move(answer));
    };
  request.on_done = [this, execution](KernelClient::Result<Value> result) {
    done(execution, std::move(result));
  };
  kernel_.execute(std::move(request));
}

void ExecutionQueue::begin_comm(const SharedExecution& execution) {
  Exchange& exchange = *execution->exchange;
  exchange.begin();
  last_parent_ = exchange.request().header;
  KernelClient::Execution request;
  request.lane = lane_;
  request.code = Comms::kReceiver;
  request.call = true;
  request.args = comms_.to_kernel(exchange.request());
  request.on_output = [this, execution](const Output& shown, OutputHold hold) {
    output(*execution, shown, std::move(hold));
  };
  request.on_done = [this, execution](const KernelClient::Result<Value>& result) {
    comm_done(execution, result);
  };
  kernel_.execute(std::move(request));
}

void ExecutionQueue::comm_done(const SharedExecution& execution,
                               const KernelClient::Result<Value>& result) {
  finish_streams(*execution);
  if (const auto* failure = std::get_if<Failure>(&result)) {
    if (failure->kind == FailureKind::kernel_died) dead_ = true;
    execution->exchange->publish_stream("stderr", failure->message + "\n");
  }
  execution->exchange->end();
  running_.reset();
  next();
}

void ExecutionQueue::output(Execution& execution, const Output& output, OutputHold hold) {
  if (comms_.from_kernel(channels_, execution.exchange->request().header, output, hold)) return;
  if (output.result) return show_result(execution, display_content(output), std::move(hold));
  if (is_payload(output)) {
    Json payload = display_content(output)["data"][kPayloadMime];
    if (payload.is_object()) execution.payload.push_back(std::move(payload));
    return;
  }
  std::string text;
  if (output.stream == Output::Stream::out) text = execution.out.add(output.text);
  if (output.stream == Output::Stream::err) text = execution.err.add(output.text);
  show(execution.exchange->request().header, output, text, std::move(hold));
}

void ExecutionQueue::show_result(Execution& execution, Json content, OutputHold hold) {
  execution.shown = text_at(content["data"], "text/plain");
  if (execution.silent) return;
  content.erase("transient");
  content["execution_count"] = execution.count;
  execution.exchange->publish("execute_result", std::move(content), Json::object(),
                              std::move(hold));
}

void ExecutionQueue::late_output(const Output& output, OutputHold hold) {
  if (comms_.from_kernel(channels_, last_parent_, output, hold)) return;
  show(last_parent_, output, output.text, std::move(hold));
}

void ExecutionQueue::show(const Json& parent, const Output& output, std::string_view text,
                          OutputHold hold) {
  switch (output.stream) {
    case Output::Stream::out:
      return channels_.publish_stream(parent, "stdout", text, std::move(hold));
    case Output::Stream::err:
      return channels_.publish_stream(parent, "stderr", text, std::move(hold));
    case Output::Stream::clear:
      return channels_.publish(parent, "clear_output", {{"wait", output.wait}}, Json::object(),
                               std::move(hold));
    case Output::Stream::display:
      channels_.publish(parent, output.update ? "update_display_data" : "display_data",
                        display_content(output), Json::object(), std::move(hold));
  }
}

void ExecutionQueue::ask_input(Execution& execution, const InputRequest& asked,
                               KernelClient::Answer answer) {
  if (running_.get() != &execution) return;  // it has ended: dropping `answer` ends its input
  execution.answer = [answer = std::move(answer),
                      block = asked.block_bytes != 0](std::optional<std::string> line) {
    if (line && block) *line += '\n';
    answer(std::move(line));
  };
  execution.input_id = execution.exchange->ask_input(asked.prompt, asked.password);
}

/// Some frontends name in the parent header what they answer, some do not; who names something else
/// answers what nobody waits for any more.
bool ExecutionQueue::input_reply(const Message& message) {
  if (!running_ || !running_->answer) return false;
  const std::string parent = text_at(message.parent_header, "msg_id");
  if (!parent.empty() && parent != running_->input_id) return false;
  const auto answer = std::exchange(running_->answer, {});
  answer(text_at(message.content, "value"));
  return true;
}

void ExecutionQueue::replay(const Json& header) {
  if (lane_ == 0) channels_.replay(header);
}

void ExecutionQueue::done(const SharedExecution& execution, KernelClient::Result<Value> result) {
  finish_streams(*execution);
  execution->answer = {};
  if (const auto* failure = std::get_if<Failure>(&result)) return fail(*execution, *failure);
  const auto& value = std::get<Value>(result);
  if (!value.is_nil() && !execution->silent) {
    execution->shown = cli::value_text(value, kernel_.spec().language);
    execution->exchange->publish("execute_result", {{"execution_count", execution->count},
                                                    {"data", {{"text/plain", execution->shown}}},
                                                    {"metadata", Json::object()}});
  }
  evaluate_expressions(execution);
}

void ExecutionQueue::finish_streams(Execution& execution) {
  execution.exchange->publish_stream("stdout", execution.out.finish());
  execution.exchange->publish_stream("stderr", execution.err.finish());
}

void ExecutionQueue::evaluate_expressions(const SharedExecution& execution) {
  if (execution->expressions.empty())
    return finish(*execution, {{"user_expressions", std::move(execution->evaluated)},
                               {"payload", std::move(execution->payload)}});
  const auto first = execution->expressions.begin();
  KernelClient::Execution request;
  request.lane = lane_;
  request.code = first->is_string() ? first->get<std::string>() : "";
  request.source_name = "<expression>";
  const auto shown = std::make_shared<Json>();
  request.on_output = [shown](const Output& output, const OutputHold&) {
    if (output.result) *shown = display_content(output);
  };
  request.on_done = [this, execution, shown,
                     name = first.key()](KernelClient::Result<Value> result) {
    if (const auto* failure = std::get_if<Failure>(&result)) {
      *shown = error_content(*failure);
      (*shown)["status"] = "error";
    } else {
      if (shown->is_null()) *shown = text_content(std::get<Value>(result));
      shown->erase("transient");
      (*shown)["status"] = "ok";
    }
    execution->evaluated[name] = std::move(*shown);
    evaluate_expressions(execution);
  };
  execution->expressions.erase(first);
  kernel_.execute(std::move(request));
}

Json ExecutionQueue::text_content(const Value& value) const {
  return {{"data", {{"text/plain", cli::value_text(value, kernel_.spec().language)}}},
          {"metadata", Json::object()}};
}

void ExecutionQueue::fail(Execution& execution, const Failure& failure) {
  Json content = error_content(failure);
  execution.exchange->publish("error", content);
  content["status"] = "error";
  content["user_expressions"] = Json::object();
  content["payload"] = Json::array();
  if (failure.kind == FailureKind::kernel_died) dead_ = true;
  // What has come already was sent before the reply.
  if (execution.stop_on_error) channels_.receive_shell();
  finish(execution, std::move(content));
}

void ExecutionQueue::finish(Execution& execution, Json reply) {
  const bool failed = reply.contains("status");
  reply["execution_count"] = execution.count;
  if (execution.store_history) history_.add(execution.count, execution.code, execution.shown);
  execution.exchange->reply("execute_reply", std::move(reply));
  execution.exchange->end();
  replay(Json::object());
  const auto ended = std::exchange(running_, {});
  if (failed && ended->stop_on_error) abort_waiting();
  next();
}

/// Messages of comms wait on, unless the kernel is dead: nobody sends them again.
void ExecutionQueue::abort_waiting() {
  for (const SharedExchange& exchange : std::exchange(waiting_, {})) {
    const bool comm = Comms::is_comm(exchange->request().type());
    if (comm && !dead_) {
      waiting_.push_back(exchange);
      continue;
    }
    exchange->begin();
    if (!comm)
      exchange->reply("execute_reply", {{"status", "aborted"}, {"execution_count", count_}});
    exchange->end();
  }
}

void ExecutionQueue::kernel_died() {
  dead_ = true;
  if (!running_) next();
}

}  // namespace oast::jupyter
