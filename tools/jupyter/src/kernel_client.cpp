#include "kernel_client.hpp"

#include <chrono>
#include <filesystem>
#include <future>
#include <utility>

#include "kernel_info.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

using namespace std::chrono_literals;

/// What `oast jupyter replay` can tell again.
constexpr std::size_t kLogBytes = std::size_t{16} << 20;

SpecInfo spec_called(const Broker& broker, const std::string& name) {
  for (SpecInfo& spec : broker.specs())
    if (spec.name == name) return std::move(spec);
  return {.name = name,
          .language = {},
          .display_name = name,
          .argv = {},
          .problem = {},
          .features = {}};
}

std::string current_directory() {
  std::error_code error;
  const auto path = std::filesystem::current_path(error);
  return error ? "/" : path.string();
}

KernelClient::Result<Value> result_of(const Future<Value>& future) {
  try {
    return future.get();
  } catch (const Error& error) {
    return error.failure();
  } catch (const std::exception& error) {
    return Error(FailureKind::invalid, error.what()).failure();
  }
}

}  // namespace

void KernelClient::Loop::operator()(Callback callback) const {
  poster.post([alive = alive, callback = std::move(callback)] {
    if (*alive) callback();
  });
}

KernelClient::~KernelClient() {
  *loop_.alive = false;
  watch_.reset();
  try {
    if (worker_ && own_) worker_->stop({.exit_timeout = 2s, .term_timeout = 1s});
  } catch (const Error&) {
    // It is gone already.
  }
}

void KernelClient::start(const KernelOptions& options) {
  broker_ = options.broker.empty() && options.to.empty()
                ? Broker::embedded({.log_bytes = kLogBytes})
                : Broker::connect(options.broker, {.name = "jupyter"});
  const OutputCallback late = [this, loop = loop_](const Output& output) {
    loop([this, output, hold = hold_output()] { on_late_output_(output, hold); });
  };
  own_ = options.to.empty();
  worker_ = std::make_shared<Worker>(
      own_ ? broker_->start(options.spec, {.cwd = current_directory(), .on_output = late})
           : broker_->attach(options.to, {.on_output = late}));
  spec_ = spec_called(*broker_, worker_->info().spec);
  version_ = language_version(*worker_, spec_.language);
  watch_ = broker_->watch([this, loop = loop_, id = worker_->id()](const KernelEvent& event) {
    if (event.info.id != id || event.info.state != KernelState::dead) return;
    Failure failure;
    failure.kind = FailureKind::kernel_died;
    failure.death = event.info.death.value_or(Death{});
    failure.message = failure.death.explanation;
    loop([this, failure] { on_death_(failure); });
  });
}

void KernelClient::execute(Execution execution) {
  using Request = Evaluator::Request;
  EvalOptions options{.source_name = std::move(execution.source_name),
                      .args = std::move(execution.args),
                      .lane = execution.lane};
  options.on_output = [loop = loop_, callback = execution.on_output](const Output& output) {
    loop([callback, output, hold = hold_output()] { callback(output, hold); });
  };
  if (execution.on_input) options.on_input = input_callback(loop_, execution.on_input);
  options.keep = execution.count != 0;  // for the transcript
  try {
    running_[execution.lane] = worker_->submit(
        {.what = execution.call ? Request::What::call : Request::What::eval,
         .text = execution.code,
         .reply = execution.call ? Request::Reply::done : Request::Reply::displayed},
        std::move(options));
  } catch (const Error& error) {  // it cannot be sent at all
    return loop_([done = execution.on_done, why = error.failure()] { done(why); });
  }
  if (execution.count != 0)
    cells_.add({running_[execution.lane].key(), execution.count, std::move(execution.code)});
  running_[execution.lane].then(
      [loop = loop_, done = execution.on_done](const Future<Value>& future) {
        loop([done, future] { done(result_of(future)); });
      });
}

InputCallback KernelClient::input_callback(const Loop& loop, const OnInput& callback) {
  return [loop, callback](const InputRequest& asked) -> std::optional<std::string> {
    auto promise = std::make_shared<std::promise<std::optional<std::string>>>();
    auto answer = promise->get_future();
    // Dropped without a call, it breaks the promise: the input has ended.
    loop([callback, asked, promise = std::move(promise)] {
      callback(asked,
               [promise](std::optional<std::string> line) { promise->set_value(std::move(line)); });
    });
    return answer.get();
  };
}

void KernelClient::interrupt(std::function<void()> done) {
  std::vector<RequestKey> running;
  for (const auto& [lane, future] : running_)
    if (future.valid() && !future.ready()) running.push_back(future.key());
  interrupt(std::move(running), std::move(done));
}

void KernelClient::interrupt(unsigned lane) {
  const auto found = running_.find(lane);
  if (found != running_.end() && found->second.valid() && !found->second.ready())
    interrupt({found->second.key()}, [] {});
}

void KernelClient::interrupt(std::vector<RequestKey> running, std::function<void()> done) {
  if (running.empty()) return loop_(std::move(done));
  interrupts_.run([loop = loop_, broker = *broker_, id = worker_->id(),
                   running = std::move(running), done = std::move(done)] {
    for (const RequestKey& key : running) {
      try {
        broker.interrupt(id, key.id, {}, key.host);
      } catch (const Error&) {
        // The kernel is gone, which is told elsewhere.
      }
    }
    loop(done);
  });
}

void KernelClient::transcript(OnResult<Json> done) {
  logs_.run([loop = loop_, worker = worker_, cells = cells_.cells(), language = spec_.language,
             spec = spec_.name, done = std::move(done)] {
    Result<Json> result;
    try {
      std::vector<LogRecord> records;
      LogReader reader = worker->read_log();
      while (auto record = reader.next()) records.push_back(std::move(*record));
      result = notebook_of(cells, records, language, spec);
    } catch (const Error& error) {
      result = error.failure();
    } catch (const std::exception& error) {
      result = Error(FailureKind::invalid, error.what()).failure();
    }
    loop([done, result = std::move(result)] { done(result); });
  });
}

template <class T, class Call>
void KernelClient::ask(Call call, OnResult<T> done) {
  queries_.run([loop = loop_, worker = worker_, call = std::move(call), done = std::move(done)] {
    Result<T> result;
    try {
      result = call(*worker);
    } catch (const Error& error) {
      result = error.failure();
    }
    loop([done, result = std::move(result)] { done(result); });
  });
}

void KernelClient::complete(std::string code, std::size_t cursor, OnResult<Completions> done) {
  ask<Completions>(
      [code = std::move(code), cursor](Worker& worker) { return worker.complete(code, cursor); },
      std::move(done));
}

void KernelClient::inspect(std::string code, std::size_t cursor, int detail,
                           OnResult<std::optional<std::string>> done) {
  ask<std::optional<std::string>>(
      [code = std::move(code), cursor, detail](Worker& worker) {
        return worker.inspect(code, cursor, detail);
      },
      std::move(done));
}

void KernelClient::is_complete(std::string code, OnResult<Completeness> done) {
  ask<Completeness>([code = std::move(code)](Worker& worker) { return worker.is_complete(code); },
                    std::move(done));
}

}  // namespace oast::jupyter
