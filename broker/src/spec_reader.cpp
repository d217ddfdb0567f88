#include "spec_reader.hpp"

#include <exception>
#include <utility>

namespace oast::broker {

namespace {

SpecReader::Recipe recipe(const KernelSpec& spec, const ExeChoice& choice, LaunchPlan wanted) {
  Command command = expand(spec, choice);
  wanted.argv = std::move(command.argv);
  wanted.env.merge(command.env);  // without what is there already
  if (wanted.cwd.empty()) wanted.cwd = spec.cwd;
  return {std::move(wanted), spec.start_timeout};
}

}  // namespace

SpecReader::SpecReader(EventLoop& loop, const std::vector<KernelSpec>& configured)
    : registry_(std::make_shared<const SpecRegistry>(configured)), worker_(loop) {}

void SpecReader::read(const std::string& name, const ExeChoice& choice, const LaunchPlan& wanted,
                      const std::function<void(const Recipe&)>& done, const Failed& failed) {
  if (const KernelSpec* spec = registry_->configured(name))
    return done(recipe(*spec, choice, wanted));
  run(
      [book = registry_, name, choice, wanted, done]() -> EventLoop::Callback {
        return [done, made = recipe(book->require(name), choice, wanted)] { done(made); };
      },
      failed);
}

void SpecReader::list(const std::function<void(const wire::SpecsT&)>& done, const Failed& failed) {
  run(
      [book = registry_, done]() -> EventLoop::Callback {
        const auto specs = std::make_shared<wire::SpecsT>();
        for (auto& info : book->list())
          specs->specs.push_back(std::make_unique<wire::SpecInfoT>(std::move(info)));
        return [done, specs] { done(*specs); };
      },
      failed);
}

void SpecReader::run(const WorkerThread::Work& read, const Failed& failed) {
  worker_.run([read, failed]() -> EventLoop::Callback {
    Failure why{.kind = FailureKind::overloaded};
    try {
      return read();
    } catch (const Error& error) {
      why = error.failure();
    } catch (const std::exception& error) {
      why.message = error.what();
    }
    return [failed, why] { failed(why); };
  });
}

}  // namespace oast::broker
