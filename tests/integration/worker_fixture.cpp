#include "worker_fixture.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace oast::test {

void with_each_broker(const std::function<void(const Broker&)>& test) {
  {
    INFO("with an embedded broker");
    test(Broker::embedded());
  }
  {
    INFO("with a daemon");
    const Daemon daemon;
    test(daemon.connect());
  }
}

FailureKind refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("it was not refused");
  return {};
}

Future<Value> start_running(Evaluator& worker, const std::string& code) {
  const auto begun = std::make_shared<Event>();
  const auto once = std::make_shared<std::atomic<bool>>(false);
  EvalOptions options;
  options.on_output = [begun, once](const Output&) {
    if (!once->exchange(true)) begun->set();
  };
  auto future = worker.remote_eval("print('on') " + code, std::move(options));
  begun->wait();
  return future;
}

}  // namespace oast::test
