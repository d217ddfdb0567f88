// What a host that leaves was waiting for in a kernel that others go on using.
#include <memory>
#include <string>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

/// A daemon with a kernel that another host uses, too, and leaves.
class Shared {
 public:
  Shared() { kernel = keeper.start("lua", {.name = "shared"}); }

  Worker of_leaver() const { return leaver->attach("shared"); }
  /// Blocks until the broker knows that the host has left. Nobody may hold anything else of it.
  void leave() {
    auto owned = std::make_unique<Worker>(leaver->start());
    const pid_t pid = owned->info().pid;
    owned->release();
    owned.reset();
    leaver.reset();
    eventually([&] { return !exists(pid); }, "the broker ended what the host had started");
  }

  const Daemon daemon;
  const Broker keeper = daemon.connect();
  std::unique_ptr<Broker> leaver = std::make_unique<Broker>(daemon.connect());
  Worker kernel;
};

/// Asks nobody, for ever, and says when it was asked.
struct Silence {
  std::shared_ptr<Event> asked = std::make_shared<Event>();
  std::shared_ptr<std::promise<void>> end = std::make_shared<std::promise<void>>();

  EvalOptions options() const {
    return {.on_input = [asked = asked, end = std::shared_future<void>(end->get_future())](
                            const std::string&, bool) -> std::optional<std::string> {
      asked->set();
      end.wait();
      return std::nullopt;
    }};
  }
};

}  // namespace

TEST_CASE("P1: a value goes to who still waits for it, not to a host that has left") {
  Shared shared;
  shared.kernel.remote_eval_wait("c = oast.channel(1)");
  auto lost = std::make_unique<RemoteChannel<int>>(shared.of_leaver().worker_channel<int>("c"));
  for (int i = 0; i < 3; ++i) static_cast<void>(lost->take_async());
  CHECK_FALSE(lost->is_ready());  // what was sent before it is parked by now
  lost.reset();
  const auto channel = shared.kernel.worker_channel<int>("c");
  const auto taken = channel.take_async();
  shared.leave();
  shared.kernel.remote_eval_wait("c:put(7)");
  REQUIRE(taken.wait_for(kGenerous));
  CHECK(taken.get() == 7);
}

TEST_CASE("P1: a put that waits for room ends with its host") {
  Shared shared;
  shared.kernel.remote_eval_wait("c = oast.channel(1) c:put(1)");
  auto lost = std::make_unique<RemoteChannel<int>>(shared.of_leaver().worker_channel<int>("c"));
  static_cast<void>(lost->put_async(2));
  CHECK(lost->is_ready());
  lost.reset();
  shared.leave();
  const auto channel = shared.kernel.worker_channel<int>("c");
  CHECK(channel.take() == 1);
  const auto put = channel.put_async(3);
  REQUIRE(put.wait_for(kGenerous));
  CHECK(channel.take() == 3);
}

TEST_CASE("P4: a request that waits for the input of a host that left reads the end of input") {
  Shared shared;
  const Silence silence;
  static_cast<void>(
      shared.of_leaver().remote_eval("line = io.read() or 'no more'", silence.options()));
  silence.asked->wait();
  shared.leave();
  const auto line = shared.kernel.remote_eval("line");
  REQUIRE(line.wait_for(kGenerous));
  CHECK(line.get() == Value("no more"));
  silence.end->set_value();
}

TEST_CASE("P4: a request that asks a host which has left for input reads the end of input") {
  Shared shared;
  shared.kernel.remote_eval_wait("c = oast.channel(1)");
  const auto channel = shared.kernel.worker_channel<int>("c");
  {
    Worker worker = shared.of_leaver();
    static_cast<void>(start_running(worker, R"(print(1) c:take()
      line = io.read() or 'no more' line = line .. (io.read() or ''))"));
  }
  shared.leave();
  channel.put(1);
  const auto line = shared.kernel.remote_eval("line");
  REQUIRE(line.wait_for(kGenerous));
  CHECK(line.get() == Value("no more"));
}

TEST_CASE("P4: a host that leaves ends nobody else's input, though their requests' ids are equal") {
  const Daemon daemon;
  const Broker keeper = daemon.connect();
  const Worker shared = keeper.start("lua", {.name = "shared"});
  // The leaver's question and its leaving cross each other on the way.
  for (int i = 0; i < 20; ++i) {
    auto leaver = std::make_unique<Broker>(daemon.connect());
    const Broker stayer = daemon.connect();
    Worker worker = stayer.attach("shared");
    leaver->attach("shared").remote_do("io.read()");
    const auto line = worker.remote_eval(
        "io.read()", {.on_input = [](const std::string&, bool) { return std::string("a line"); }});
    leaver.reset();
    REQUIRE(line.wait_for(kGenerous));
    REQUIRE(line.get() == Value("a line"));
  }
}
