#include "local_engine.hpp"

#include <algorithm>
#include <future>
#include <utility>
#include <variant>

#include "oast/kernel/engine_failure.hpp"
#include "oast/kernel/lua.hpp"
#include "thread.hpp"

namespace oast::detail {

namespace {

Failure stopped() {
  Failure result = kernel::make_failure(FailureKind::kernel_died, "the worker was stopped");
  result.death.cause = DeathCause::stopped;
  result.death.explanation = result.message;
  return result;
}

Failure interruption() { return kernel::make_failure(FailureKind::interrupted, "interrupted"); }

std::function<Value(kernel::Engine&)> job_of(const Evaluator::Request& request,
                                             EvalOptions& options) {
  using Reply = Evaluator::Request::Reply;
  using What = Evaluator::Request::What;
  const bool value = request.reply != Reply::done && request.reply != Reply::nothing;
  const bool channel = request.reply == Reply::channel;
  if (request.what == What::eval) {
    return [=, code = std::string(request.text), name = std::move(options.source_name),
            args = std::move(options.args)](kernel::Engine& engine) mutable {
      return engine.eval({code, name, std::move(args), value, channel});
    };
  }
  const bool named = request.what == What::call;
  return [=, text = std::string(request.text),
          args = std::move(options.args)](kernel::Engine& engine) mutable {
    const std::string_view path = named ? std::string_view(text) : std::string_view();
    const std::string_view source = named ? std::string_view() : std::string_view(text);
    return engine.call({path, source, std::move(args), value, channel});
  };
}

}  // namespace

std::shared_ptr<LocalEngine> LocalEngine::start(InProcessOptions options) {
  std::shared_ptr<LocalEngine> self(new LocalEngine(std::move(options)));  // NOLINT
  std::promise<void> up;
  auto is_up = up.get_future();
  self->thread_ = start_thread("oast-engine", [self, &up] {
    std::unique_ptr<kernel::Engine> engine;
    try {
      self->interrupts_ = std::make_unique<LocalInterrupts>();
      engine = kernel::make_lua_engine(*self);
      self->interrupts_->attach(*engine);
      up.set_value();
    } catch (...) {
      up.set_exception(std::current_exception());
      return;
    }
    self->serve(*engine);
    self->interrupts_->detach();
  });
  try {
    is_up.get();
  } catch (...) {
    self->thread_.join();
    throw;
  }
  return self;
}

LocalEngine::~LocalEngine() {
  if (thread_.joinable()) thread_.detach();  // only its own end can get here before `stop` joined
}

std::shared_ptr<LocalRequest> LocalEngine::make_request(EvalOptions options) {
  return std::make_shared<LocalRequest>(shared_from_this(), std::move(options.on_output),
                                        std::move(options.on_input));
}

Future<Value> LocalEngine::submit(const Evaluator::Request& asked, EvalOptions options) {
  const bool answered = asked.reply != Evaluator::Request::Reply::nothing;
  if (!answered && !running()) raise(stopped());
  auto run = job_of(asked, options);
  auto request = make_request(answered ? std::move(options) : EvalOptions{});
  enqueue({request, std::move(run)});
  return answered ? Future<Value>(std::move(request)) : Future<Value>();
}

void LocalEngine::perform(std::function<void(kernel::Engine&)> task) {
  const auto request = make_request();
  enqueue({request,
           [task = std::move(task)](kernel::Engine& engine) {
             task(engine);
             return Value();
           },
           false});
  try {
    request->wait(std::nullopt);
  } catch (const Error&) {
    request->cancel();
    throw;
  }
  static_cast<void>(request->value());
}

void LocalEngine::enqueue(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(job));
      queued_.notify_one();
      return;
    }
  }
  job.request->end(stopped());
}

void LocalEngine::serve(kernel::Engine& engine) {
  while (auto job = next()) run(engine, *job);
}

std::optional<LocalEngine::Job> LocalEngine::next() {
  std::unique_lock lock(mutex_);
  queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return std::nullopt;
  Job job = std::move(queue_.front());
  queue_.pop_front();
  if (job.interruptible) {
    running_ = job.request;
    interrupts_->begin();
  }
  return job;
}

void LocalEngine::run(kernel::Engine& engine, Job& job) {
  input_.begin();
  try {
    finish(job, job.run(engine));
  } catch (...) {
    finish(job, failure_of_exception());
  }
}

template <class Answer>
void LocalEngine::finish(const Job& job, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    running_.reset();
    interrupts_->end();
  }
  job.request->end(std::move(answer));
}

Failure LocalEngine::failure_of_exception() const {
  Failure failure = kernel::failure_of_exception();
  return failure.kind == FailureKind::interrupted && !running() ? stopped() : failure;
}

InterruptOutcome LocalEngine::interrupt(std::chrono::milliseconds timeout) {
  std::shared_ptr<LocalRequest> request;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) raise(stopped());
    if (!running_) return InterruptOutcome::nothing_running;
    request = running_;
    interrupts_->interrupt();
  }
  if (!request->wait(Pending::Clock::now() + timeout)) return InterruptOutcome::not_interruptible;
  try {
    static_cast<void>(request->value());
  } catch (const Error& error) {
    if (error.kind() == FailureKind::interrupted) return InterruptOutcome::interrupted;
  } catch (...) {  // what a callback threw is for `get`
    return InterruptOutcome::already_finished;
  }
  return InterruptOutcome::already_finished;
}

void LocalEngine::cancel(const std::shared_ptr<LocalRequest>& request) {
  if (request->at_channel.id && channels_.cancel(request->at_channel))
    return request->end(interruption());
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(queue_.begin(), queue_.end(),
                                 [&](const Job& job) { return job.request == request; });
    if (at == queue_.end()) {
      if (running_ == request) interrupts_->interrupt();
      return;
    }
    queue_.erase(at);
  }
  request->end(interruption());
}

void LocalEngine::stop() {
  std::deque<Job> unbegun;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    unbegun.swap(queue_);
    if (running_) interrupts_->interrupt();
    queued_.notify_all();
  }
  for (const auto& job : unbegun) job.request->end(stopped());
  channels_.end(stopped());
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

bool LocalEngine::running() const {
  const std::lock_guard lock(mutex_);
  return !stopping_;
}

std::shared_ptr<LocalRequest> LocalEngine::current() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

Future<Value> LocalEngine::channel(Operation operation, ChannelId channel, Value value) {
  auto request = make_request();
  request->at_channel = next_key();
  const auto done = [request](kernel::ChannelTable::Outcome outcome) {
    std::visit([&](auto& ended) { request->end(std::move(ended)); }, outcome);
  };
  switch (operation) {
    case Operation::put:
      channels_.put(channel, request->at_channel, std::move(value), done);
      break;
    case Operation::put_back:
      channels_.put_back(channel, std::move(value), done);
      break;
    case Operation::take:
      channels_.take(channel, request->at_channel, done);
      break;
    case Operation::ready:
      done(channels_.ready(channel));
      break;
    case Operation::close:
      done(channels_.close(channel));
      break;
  }
  return Future<Value>(std::move(request));
}

}  // namespace oast::detail
