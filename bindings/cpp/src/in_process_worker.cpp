#include "oast/in_process_worker.hpp"

#include <utility>

#include "local_engine.hpp"

namespace oast {

using detail::LocalEngine;

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
  Completions result;
  impl_->engine->perform([&](kernel::Engine& engine) {
    auto found = engine.complete(code, static_cast<std::uint32_t>(cursor));
    result = {std::move(found.matches), found.start, found.end};
  });
  return result;
}

std::optional<std::string> InProcessWorker::inspect(std::string_view code, std::size_t cursor,
                                                    int detail) {
  std::optional<std::string> result;
  impl_->engine->perform([&](kernel::Engine& engine) {
    result = engine.inspect(code, static_cast<std::uint32_t>(cursor), detail);
  });
  return result;
}

Completeness InProcessWorker::is_complete(std::string_view code) {
  Completeness result;
  impl_->engine->perform([&](kernel::Engine& engine) {
    auto found = engine.is_complete(code);
    result = {static_cast<CodeStatus>(found.status), std::move(found.indent)};
  });
  return result;
}

std::shared_ptr<detail::ChannelHome> InProcessWorker::channels() { return impl_->engine; }

}  // namespace oast
