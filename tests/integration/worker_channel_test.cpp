// Takes that give up: what they do not give is not lost.
#include <algorithm>
#include <csignal>
#include <future>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

/// What one thread takes, giving up after almost no time again and again, until the channel is
/// closed and empty.
std::vector<int> take_impatiently(const RemoteChannel<int>& channel, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<int> taken;
  for (;;) {
    try {
      if (const auto value = channel.take_for(std::chrono::microseconds(random() % 400)))
        taken.push_back(*value);
    } catch (const Error& error) {
      if (error.kind() != FailureKind::not_found) throw;
      return taken;
    }
  }
}

/// Four threads take what the worker puts. Each value arrives once, and for each in order.
void check_nothing_lost(Evaluator& worker, int values) {
  worker.remote_eval_wait("c = oast.channel(3)");
  const auto channel = worker.worker_channel<int>("c");
  const auto putting = worker.remote_eval("for i = 1, " + std::to_string(values) +
                                          " do c:put(i) if i % 50 == 0 then pause() end end");
  std::vector<std::future<std::vector<int>>> takers;
  for (unsigned seed = 1; seed <= 4; ++seed)
    takers.push_back(std::async(std::launch::async, take_impatiently, channel, seed));
  putting.get();
  channel.close();
  std::multiset<int> all;
  for (auto& taker : takers) {
    const auto taken = taker.get();
    CHECK(std::is_sorted(taken.begin(), taken.end()));
    all.insert(taken.begin(), taken.end());
  }
  CHECK(all.size() == static_cast<std::size_t>(values));
  CHECK(std::set<int>(all.begin(), all.end()).size() == static_cast<std::size_t>(values));
}

/// Lua whose takers have to wait now and then.
constexpr const char* kPause =
    "function pause() local t = os.clock() while os.clock() - t < 0.002 do end end";

}  // namespace

TEST_CASE("P1: a take that gives up has taken nothing, however short its time is") {
  with_each_broker([](const Broker& broker) {
    Worker worker = broker.start();
    worker.remote_eval_wait(kPause);
    check_nothing_lost(worker, 3000);
  });
}

TEST_CASE("P1: in process, a take that gives up has taken nothing") {
  InProcessWorker worker;
  worker.remote_eval_wait(kPause);
  check_nothing_lost(worker, 3000);
}

TEST_CASE("P1: a take from a kernel that does not answer gives up, and what it took goes back") {
  const Broker broker = Broker::embedded();
  Worker worker = broker.start();
  worker.remote_eval_wait("c = oast.channel(3) c:put(1) c:put(2) c:put(3)");
  const auto channel = worker.worker_channel<int>("c");
  const pid_t pid = worker.info().pid;
  ::kill(pid, SIGSTOP);
  eventually([&] { return all_stopped(pid); }, "the kernel is stopped");
  auto giving_up = std::async(std::launch::async, [&] { return channel.take_for(10ms); });
  const bool gave_up = giving_up.wait_for(kGenerous) == std::future_status::ready;
  ::kill(pid, SIGCONT);
  CHECK(gave_up);
  CHECK_FALSE(giving_up.get().has_value());
  std::set<int> taken;
  for (int i = 0; i < 3; ++i) {
    const auto value = channel.take_for(kGenerous);
    REQUIRE(value.has_value());
    taken.insert(*value);
  }
  CHECK(taken == std::set<int>{1, 2, 3});
}
