#include "oast/in_process_worker.hpp"

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "local_engine.hpp"

namespace oast {

using detail::LocalEngine;

namespace {

/// What `ask(engine)` gives on the engine's thread. It may not refer to anything of the caller, who
/// may be interrupted and leave before it has run.
template <class Ask>
auto ask_engine(LocalEngine& engine, Ask ask) {
  const auto result = std::make_shared<std::invoke_result_t<Ask&, kernel::Engine&>>();
  engine.perform([result, ask](kernel::Engine& inner) { *result = ask(inner); });
  return std::move(*result);
}

}  // namespace

struct InProcessWorker::Impl {
  std::shared_ptr<LocalEngine> engine;
};

InProcessWorker::InProcessWorker(InProcessOptions options)
    : impl_(std::make_shared<Impl>(Impl{LocalEngine::start(std::move(options))})) {}

InProcessWorker::~InProcessWorker() {
  if (impl_) impl_->engine->stop();
}

InProcessWorker::InProcessWorker(InProcessWorker&&) noexcept = default;

InProcessWorker& InProcessWorker::operator=(InProcessWorker&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->engine->stop();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Future<Value> InProcessWorker::submit(const Request& request, EvalOptions options) {
  return impl_->engine->submit(request, std::move(options));
}

InterruptOutcome InProcessWorker::interrupt(InterruptOptions options) {
  return impl_->engine->interrupt(options.timeout);
}

void InProcessWorker::stop(StopOptions /*options*/) { impl_->engine->stop(); }

bool InProcessWorker::isrunning() const { return impl_->engine->running(); }

Completions InProcessWorker::complete(std::string_view code, std::size_t cursor) {
  return ask_engine(*impl_->engine, [=, text = std::string(code)](kernel::Engine& engine) {
    auto found = engine.complete(text, static_cast<std::uint32_t>(cursor));
    return Completions{std::move(found.matches), found.start, found.end};
  });
}

std::optional<std::string> InProcessWorker::inspect(std::string_view code, std::size_t cursor,
                                                    int detail) {
  return ask_engine(*impl_->engine, [=, text = std::string(code)](kernel::Engine& engine) {
    return engine.inspect(text, static_cast<std::uint32_t>(cursor), detail);
  });
}

Completeness InProcessWorker::is_complete(std::string_view code) {
  return ask_engine(*impl_->engine, [text = std::string(code)](kernel::Engine& engine) {
    auto found = engine.is_complete(text);
    return Completeness{static_cast<CodeStatus>(found.status), std::move(found.indent)};
  });
}

std::shared_ptr<detail::ChannelHome> InProcessWorker::channels() { return impl_->engine; }

}  // namespace oast
