#include "supervisor.hpp"

#include <signal.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "attempt.hpp"
#include "death.hpp"
#include "descriptors.hpp"
#include "launch_protocol.hpp"
#include "restart_policy.hpp"
#include "secrets.hpp"
#include "start_request.hpp"

namespace oast::broker {

namespace {

using wire::KernelState;

constexpr auto kRemembered = std::chrono::seconds(60);
constexpr auto kKillAgain = std::chrono::seconds(1);
constexpr Supervisor::Deadlines kOwnerLeft{std::chrono::milliseconds(2000),
                                           std::chrono::milliseconds(500)};

}  // namespace

Supervisor::Supervisor(EventLoop& loop, const Options& options, IdSource& ids, KernelTable& kernels,
                       PeerSender& sender, Events& events, LastData& last_data, Logger log)
    : loop_(loop),
      options_(options),
      ids_(ids),
      kernels_(kernels),
      sender_(sender),
      events_(events),
      last_data_(last_data),
      log_(std::move(log)),
      specs_(loop, options.specs) {}

std::string Supervisor::details(const Kernel& kernel) const {
  return nlohmann::json{{"protocol", wire::kVersion},
                        {"directory", home_.directory},
                        {"control", home_.control},
                        {"data", home_.data},
                        {"kernel", kernel.id.value},
                        {"name", kernel.name},
                        {"spec", kernel.spec},
                        {"token", kernel.token},
                        {"host_token", kernel.host_token},
                        {"outbox", launch::kOutboxFd},
                        {"grace_ms", options_.grace.count()}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Supervisor::start(const RequestKey& asker, std::shared_ptr<const wire::StartT> request) {
  if (all_stopped_) throw Error(FailureKind::disconnected, "the broker is ending");
  check(*request);
  if (!request->name.empty() && kernels_.by_name(request->name) != nullptr)
    throw Error(FailureKind::invalid, "a kernel named '" + request->name + "' runs already");
  auto kernel = make(std::move(request), asker.host);
  kernel->starter = asker;
  begin(std::move(kernel));
}

std::unique_ptr<Kernel> Supervisor::make(std::shared_ptr<const wire::StartT> request,
                                         PeerId owner) {
  // Reading specs takes descriptors, too.
  int promised = 0;
  kernels_.each([&](const Kernel& other) {
    if (other.state != KernelState::starting) return;
    promised += kPerRegistration;
    if (!other.process) promised += kPerStart;
  });
  require_descriptors(kLeftByStarts + promised + kPerStart + kPerRegistration,
                      "start another kernel");
  auto kernel = std::make_unique<Kernel>(KernelId{ids_.next()}, options_);
  kernel->name = request->name.empty() ? request->spec + "-" + std::to_string(kernel->id.value)
                                       : request->name;
  kernel->spec = request->spec;
  kernel->detached = request->detached;
  if (!request->detached) kernel->owner = owner;
  kernel->request = std::move(request);
  kernel->token = make_token();
  kernel->host_token = make_token();
  kernel->born = loop_.now();
  return kernel;
}

void Supervisor::begin(std::unique_ptr<Kernel> made) {
  Kernel& kernel = kernels_.add(std::move(made));
  const wire::StartT& request = *kernel.request;
  start_within(kernel, request.timeout_ms == 0 ? options_.start_timeout
                                               : std::chrono::milliseconds(request.timeout_ms));
  const KernelId id = kernel.id;
  try {
    read_spec(id, request);
  } catch (...) {
    kernels_.remove(id);
    throw;
  }
}

void Supervisor::start_within(Kernel& kernel, EventLoop::Duration time) {
  const auto left = kernel.born + time - loop_.now();
  kernel.start_deadline = loop_.after(left, [this, &kernel] { start_timed_out(kernel); });
}

void Supervisor::read_spec(KernelId id, const wire::StartT& request) {
  LaunchPlan wanted{.argv = {}, .env = {}, .cwd = request.cwd, .grace = options_.grace};
  for (const auto& variable : request.env) wanted.env[variable->name] = variable->value;
  specs_.read(
      request.spec, {request.exename, request.exeflags}, wanted,
      [this, id, timed = request.timeout_ms != 0](const SpecReader::Recipe& recipe) {
        spec_read(id, recipe, timed);
      },
      [this, id](const Failure& why) { spec_failed(id, why); });
}

/// `timed`: the start says itself how long it may take.
void Supervisor::spec_read(KernelId id, const SpecReader::Recipe& recipe, bool timed) {
  Kernel* kernel = kernels_.find(id);
  if (kernel == nullptr || kernel->death) return;  // it was ended meanwhile
  if (!timed && recipe.start_timeout.count() != 0) start_within(*kernel, recipe.start_timeout);
  log_->info("OB101 kernel {} ({}) of spec {} starting", id.value, kernel->name, kernel->spec);
  events_.changed(*kernel);
  launch(id, recipe.plan);
}

/// It never was more than a name, unless another was there before it.
void Supervisor::spec_failed(KernelId id, const Failure& why) {
  Kernel* kernel = kernels_.find(id);
  if (kernel == nullptr || kernel->death) return;
  if (kernel->restarts > 0) return fail_launch(*kernel, why);
  if (kernel->starter) sender_.control(kernel->starter->host, kernel->starter->id, why);
  kernels_.remove(id);
}

void Supervisor::list_specs(const RequestKey& asker) {
  specs_.list([this, asker](const wire::SpecsT& specs) { sender_.answer(asker, specs); },
              [this, asker](const Failure& why) { sender_.control(asker.host, asker.id, why); });
}

bool Supervisor::take_back(const RequestKey& starter) {
  bool found = false;
  kernels_.each([&](Kernel& kernel) {
    if (kernel.starter != starter) return;
    found = true;
    kill(kernel, DeathCause::stopped, "its start was interrupted");
  });
  return found;
}

void Supervisor::launch(KernelId id, LaunchPlan plan) {
  launcher_->launch(std::move(plan), [this, id](std::unique_ptr<Process> process,
                                                std::optional<Failure> failure) {
    loop_.post([this, id, process = std::make_shared<std::unique_ptr<Process>>(std::move(process)),
                failure = std::move(failure)] { launched(id, std::move(*process), failure); });
  });
}

void Supervisor::launched(KernelId id, std::unique_ptr<Process> process,
                          std::optional<Failure> failure) {
  Kernel* kernel = kernels_.find(id);
  // It was ended meanwhile, and so is the process.
  if (kernel == nullptr || kernel->death) return;
  try {
    if (!failure) return run(*kernel, std::move(process));
  } catch (const std::exception& error) {
    failure = Failure{.kind = FailureKind::overloaded, .message = error.what()};
  }
  fail_launch(*kernel, *failure);
}

void Supervisor::run(Kernel& kernel, std::unique_ptr<Process> process) {
  // Before its watches, which must not outlive its descriptors.
  kernel.process = std::move(process);
  kernel.exit_watch = loop_.watch(kernel.process->exit_fd(), [this, &kernel] { exited(kernel); });
  kernel.stderr_watch = loop_.watch(kernel.process->stderr_fd(), [&kernel] {
    if (!kernel.stderr_tail.read_from(kernel.process->stderr_fd())) kernel.stderr_watch.reset();
  });
  kernel.process->begin(details(kernel));
}

void Supervisor::fail_launch(Kernel& kernel, const Failure& failure) {
  kernel.death = Death{.cause = DeathCause::spawn_failed, .explanation = failure.message};
  if (kernel.starter)
    attempt(log_, [&] {
      sender_.control(kernel.starter->host, kernel.starter->id, failure);
      kernel.starter.reset();
    });
  die(kernel);
}

void Supervisor::start_timed_out(Kernel& kernel) {
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - kernel.born).count();
  kill(kernel, DeathCause::never_registered,
       "it did not register within " + std::to_string(waited) + " ms and was killed");
}

void Supervisor::hello(Kernel& kernel, int pid) {
  kernel.pid = pid;
  kernel.token.clear();
}

void Supervisor::registered(Kernel& kernel) {
  kernel.start_deadline.reset();
  kernel.state.apply(KernelEvent::registered);
  log_->info("OB102 kernel {} ({}) registered, pid {}", kernel.id.value, kernel.name, kernel.pid);
  events_.changed(kernel);
  if (!kernel.starter) return;
  wire::KernelT answer;
  answer.info = std::make_unique<wire::KernelInfoT>(describe(kernel, loop_.now()));
  sender_.answer(*kernel.starter, answer);
  kernel.starter.reset();
}

void Supervisor::stop(Kernel& kernel, Deadlines deadlines, DeathCause cause, std::string why) {
  if (!kernel.alive()) return;
  const bool first = kernel.state.apply(KernelEvent::stop_asked);
  // Nobody is there yet to be asked.
  if (!kernel.registered()) return kill(kernel, cause, std::move(why));
  if (!kernel.intent) kernel.intent.emplace(cause, std::move(why));
  if (first) {
    log_->info("OB103 kernel {} ({}) asked to end: {}", kernel.id.value, kernel.name,
               kernel.intent->second);
    sender_.control(peer_of(kernel.id), RequestId{}, wire::ShutdownT{});
    events_.changed(kernel);
  }
  // A later stop may hasten the ladder, never delay it.
  const auto due = loop_.now() + (kernel.terminated ? deadlines.term : deadlines.exit);
  if (kernel.stop_deadline && kernel.stop_due <= due) return;
  kernel.stop_due = due;
  kernel.stop_deadline = loop_.after(
      due - loop_.now(), [this, &kernel, term = deadlines.term] { climb(kernel, term); });
}

void Supervisor::climb(Kernel& kernel, std::chrono::milliseconds term) {
  if (kernel.terminated) {
    log_->warn("OB105 kernel {} ({}) did not end on SIGTERM: SIGKILL", kernel.id.value,
               kernel.name);
    return kill(kernel, DeathCause::stopped, "it did not end on SIGTERM");
  }
  log_->warn("OB104 kernel {} ({}) did not end when asked: SIGTERM", kernel.id.value, kernel.name);
  kernel.terminated = true;
  kernel.process->signal_tree(SIGTERM);
  kernel.stop_due = loop_.now() + term;
  kernel.stop_deadline = loop_.after(term, [this, &kernel, term] { climb(kernel, term); });
}

void Supervisor::kill(Kernel& kernel, DeathCause cause, std::string why) {
  if (!kernel.alive() || kernel.death) return;
  if (!kernel.intent) kernel.intent.emplace(cause, std::move(why));
  if (!kernel.process) {
    Death death = explain(kernel, {});
    // Not before what is asked now has its answer.
    kernel.end_timer = loop_.after({}, [this, &kernel] { die(kernel); });
    kernel.death = std::move(death);
    return;
  }
  kernel.process->signal_tree(SIGKILL);
  // Its code may have stopped the launcher, and may do so again before that has obeyed.
  kernel.stop_due = loop_.now();
  kernel.stop_deadline =
      loop_.after(kKillAgain, [this, &kernel] { kill(kernel, DeathCause::stopped, {}); });
}

void Supervisor::signal(Kernel& kernel, int signal) {
  const std::string why = "somebody sent it " + signal_name(signal);
  if (signal == SIGKILL) return kill(kernel, DeathCause::stopped, why);
  if (!kernel.process)
    throw Error(FailureKind::overloaded, "the kernel is just being started: signal it again");
  kernel.process->signal_kernel(signal);
  kernel.asked_signal = signal;
}

void Supervisor::answer_when_dead(Kernel& kernel, const RequestKey& asker) {
  kernel.stoppers.push_back(asker);
  if (!kernel.alive()) announce_death(kernel);
}

void Supervisor::owner_left(PeerId owner) {
  kernels_.each([&](Kernel& kernel) {
    if (!kernel.alive()) return;
    const bool unfinished = kernel.starter && kernel.starter->host == owner;
    if (kernel.owner == owner || unfinished)
      stop(kernel, kOwnerLeft, DeathCause::owner_gone, "its owner left");
  });
}

void Supervisor::stop_all(Deadlines deadlines, std::function<void()> done) {
  all_stopped_ = std::move(done);
  kernels_.each([&](Kernel& kernel) {
    bool asked = false;
    attempt(log_, [&] {
      stop(kernel, deadlines, DeathCause::stopped, "its broker was stopped");
      asked = true;
    });
    if (!asked) attempt(log_, [&] { kill(kernel, DeathCause::stopped, "its broker was stopped"); });
  });
  if (kernels_.living() == 0) all_stopped_();
}

void Supervisor::exited(Kernel& kernel) {
  const auto status = kernel.process->reap();
  if (!status) return;
  kernel.stderr_tail.read_from(kernel.process->stderr_fd(), kStderrRest);
  kernel.death = explain(kernel, *status);
  last_data_.wait(peer_of(kernel.id), [this, &kernel](bool closed) {
    if (!closed)
      attempt(log_, [&] {
        log_->warn(
            "OB107 kernel {} ({}) has ended, but not its connection: its last data may be "
            "lost",
            kernel.id.value, kernel.name);
      });
    read_last_words(kernel);
  });
  kernel.exit_watch.reset();  // last: when one of the above throws, all is tried again
}

void Supervisor::read_last_words(Kernel& kernel) {
  bool more = false;
  if (on_last_words_) attempt(log_, [&] { more = on_last_words_(kernel); });
  if (!more) return die(kernel);
  kernel.end_timer = loop_.after({}, [this, &kernel] { read_last_words(kernel); });
}

void Supervisor::die(Kernel& kernel) {
  kernel.stderr_watch.reset();
  kernel.start_deadline.reset();
  kernel.stop_deadline.reset();
  kernel.lost_deadline.reset();
  kernel.exit_watch.reset();
  kernel.process.reset();
  kernel.token.clear();
  kernel.host_token.clear();
  const bool again = wants_restart(kernel);
  kernel.state.apply(KernelEvent::process_ended);
  if (again && !all_stopped_) attempt(log_, [&] { restart(kernel); });
  attempt(log_, [&] {
    log_->log(kernel.intent ? spdlog::level::info : spdlog::level::warn, "OB106 {}",
              died(kernel).message);
  });
  if (on_death_) attempt(log_, [&] { on_death_(kernel); });
  attempt(log_, [&] { announce_death(kernel); });
  attempt(log_, [&] { events_.changed(kernel); });
  attempt(log_, [&] { forget_later(kernel.id); });
  if (all_stopped_ && kernels_.living() == 0) attempt(log_, all_stopped_);
}

/// It has everything of the dead one but its id. Why there is none, its death says.
void Supervisor::restart(Kernel& dead) {
  std::string& explanation = dead.death->explanation;
  if (!count_restart(dead, loop_.now())) {
    explanation += "; it is not started again, which was done " +
                   std::to_string(dead.restarted_at.size()) + " times within " +
                   std::to_string(dead.request->restart_period_ms) + " ms";
    return;
  }
  try {
    auto kernel = make(dead.request, dead.owner);
    const KernelId id = kernel->id;
    kernel->name = dead.name;
    kernel->restarts = dead.restarts + 1;
    kernel->restarted_at = dead.restarted_at;
    begin(std::move(kernel));
    dead.successor = id;
    log_->info("OB109 kernel {} ({}) is started again as {}", dead.id.value, dead.name, id.value);
  } catch (const std::exception& error) {
    explanation += std::string("; it could not be started again: ") + error.what();
  }
}

void Supervisor::forget_later(KernelId id) {
  forget_timers_[id.value] = loop_.after(kRemembered, [this, id] {
    const Kernel* kernel = kernels_.find(id);
    if (kernel != nullptr && kernel->queue.any_open())
      return forget_later(id);  // they are being told
    kernels_.remove(id);
    forget_timers_.erase(id.value);
  });
}

/// Tells everybody who waited for the end, or for a start that it made impossible.
void Supervisor::announce_death(Kernel& kernel) {
  if (kernel.starter) {
    Failure why = died(kernel);
    if (why.death.cause == DeathCause::never_registered) why.kind = FailureKind::timeout;
    sender_.control(kernel.starter->host, kernel.starter->id, why);
    kernel.starter.reset();
  }
  wire::StoppedT stopped;
  stopped.death = std::make_unique<wire::DeathT>(wire::to_wire(*kernel.death));
  for (const auto& asker : std::exchange(kernel.stoppers, {}))
    attempt(log_, [&] { sender_.answer(asker, stopped); });
}

}  // namespace oast::broker
