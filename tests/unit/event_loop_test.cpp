#include "event_loop.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <future>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "broker_fixture.hpp"

using namespace oast::broker;
using namespace std::chrono_literals;
using oast::test::ManualClock;

namespace {

/// A loop on a thread of its own.
struct Running {
  explicit Running(const std::shared_ptr<Clock>& clock)
      : loop(clock), thread([this] { loop.run(); }) {}
  ~Running() {
    loop.quit();
    thread.join();
  }
  /// Runs `work` on the loop and waits for it.
  template <class Work>
  void on_loop(Work work) {
    std::promise<void> done;
    loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  EventLoop loop;
  std::thread thread;
};

}  // namespace

TEST_CASE("EventLoop runs timers in the order of their deadlines, and none too early") {
  const auto clock = std::make_shared<ManualClock>();
  Running r(clock);
  std::vector<int> fired;
  std::vector<EventLoop::Handle> handles;
  std::promise<void> last;
  r.on_loop([&] {
    handles.push_back(r.loop.after(20ms, [&] { fired.push_back(2); }));
    handles.push_back(r.loop.after(10ms, [&] { fired.push_back(1); }));
    handles.push_back(r.loop.after(30ms, [&] {
      fired.push_back(3);
      last.set_value();
    }));
  });
  clock->advance(9ms);
  r.on_loop([&] { CHECK(fired.empty()); });
  clock->advance(1ms);
  r.on_loop([] {});  // one turn at least has seen the new time
  r.on_loop([&] { CHECK(fired == std::vector{1}); });
  clock->advance(1h);
  last.get_future().wait();
  r.on_loop([&] {
    CHECK(fired == std::vector{1, 2, 3});
    handles.clear();
  });
}

TEST_CASE("EventLoop forgets a timer whose handle went, also inside a timer") {
  const auto clock = std::make_shared<ManualClock>();
  Running r(clock);
  bool wrong = false;
  std::promise<void> done;
  EventLoop::Handle first;
  EventLoop::Handle second;
  EventLoop::Handle third;
  r.on_loop([&] {
    first = r.loop.after(1ms, [&] { second.reset(); });
    second = r.loop.after(2ms, [&] { wrong = true; });
    third = r.loop.after(3ms, [&] { done.set_value(); });
  });
  clock->advance(10ms);
  done.get_future().wait();
  r.on_loop([&] {
    CHECK_FALSE(wrong);
    first.reset();
    third.reset();
  });
}

TEST_CASE("EventLoop watches a descriptor until its handle goes, which a callback may do") {
  Running r(real_clock());
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  EventLoop::Handle watch;
  std::promise<char> got;
  int calls = 0;
  r.on_loop([&] {
    watch = r.loop.watch(ends[0], [&] {
      ++calls;
      char byte = 0;
      CHECK(::read(ends[0], &byte, 1) == 1);
      watch.reset();
      got.set_value(byte);
    });
  });
  CHECK(::write(ends[1], "xy", 2) == 2);
  CHECK(got.get_future().get() == 'x');
  r.on_loop([] {});
  r.on_loop([&] { CHECK(calls == 1); });
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("EventLoop runs what other threads post, in their order") {
  Running r(real_clock());
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) r.loop.post([&order, i] { order.push_back(i); });
  r.on_loop([&] {
    CHECK(order.size() == 1000);
    CHECK(std::is_sorted(order.begin(), order.end()));
  });
}

TEST_CASE("EventLoop is driven by a thread that polls, until that thread's descriptor is ready") {
  Running r(real_clock());
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const auto self = std::this_thread::get_id();
  // Goes round until this thread runs it, which nothing but `poll` makes it do.
  std::function<void()> until_mine = [&] {
    if (std::this_thread::get_id() != self) return r.loop.post(until_mine);
    CHECK(::write(ends[1], "x", 1) == 1);
  };
  r.loop.post(until_mine);
  std::array fds{pollfd{ends[0], POLLIN, 0}};
  CHECK(r.loop.poll(fds, -1) == 1);
  CHECK(fds[0].revents == POLLIN);

  // Nobody polls: the loop's own thread is back.
  r.on_loop([&] { CHECK(std::this_thread::get_id() != self); });
  r.loop.attend();
  r.on_loop([&] { CHECK(std::this_thread::get_id() != self); });
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("EventLoop::poll returns at its time and when a signal handler ran, as poll(2)") {
  Running r(real_clock());
  CHECK(r.loop.poll({}, 0) == 0);
  CHECK(r.loop.poll({}, 1) == 0);

  struct sigaction action {};
  action.sa_handler = [](int) {};  // NOLINT(cppcoreguidelines-pro-type-union-access)
  REQUIRE(::sigaction(SIGUSR2, &action, nullptr) == 0);
  std::atomic<bool> returned = false;
  std::thread signals([&, polling = ::pthread_self()] {
    while (!returned) {
      ::pthread_kill(polling, SIGUSR2);
      std::this_thread::yield();
    }
  });
  std::array<int, 2> silent{};
  REQUIRE(::pipe(silent.data()) == 0);
  std::array fds{pollfd{silent[0], POLLIN, 0}};
  const int ready = r.loop.poll(fds, -1);
  const int error = errno;
  returned = true;
  signals.join();
  CHECK(ready == -1);
  CHECK(error == EINTR);
  ::close(silent[0]);
  ::close(silent[1]);
}

TEST_CASE("EventLoop serves many threads that poll at once, and loses no posted work") {
  Running r(real_clock());
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  int done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      std::array<int, 2> ends{};
      REQUIRE(::pipe(ends.data()) == 0);
      for (int round = 0; round < kRounds; ++round) {
        r.loop.post([&] {
          ++done;
          CHECK(::write(ends[1], "x", 1) == 1);
        });
        std::array fds{pollfd{ends[0], POLLIN, 0}};
        char byte = 0;
        CHECK(r.loop.poll(fds, -1) == 1);
        CHECK(::read(ends[0], &byte, 1) == 1);
      }
      ::close(ends[0]);
      ::close(ends[1]);
    });
  for (auto& thread : threads) thread.join();
  r.on_loop([&] { CHECK(done == kThreads * kRounds); });
}

TEST_CASE("P4: an exception costs the callback that threw, and the loop goes on") {
  const auto clock = std::make_shared<ManualClock>();
  Running r(clock);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  int failures = 0;
  std::promise<void> watched;
  EventLoop::Handle timer;
  EventLoop::Handle watch;
  r.on_loop([&] {
    r.loop.on_exception([&](const char*) { ++failures; });
    timer = r.loop.after(1ms, [] { throw std::bad_alloc(); });
    watch = r.loop.watch(ends[0], [&] {
      char byte = 0;
      CHECK(::read(ends[0], &byte, 1) == 1);
      watched.set_value();
      throw std::runtime_error("a watch");
    });
    // Refused by the system, and nothing of it stays.
    CHECK_THROWS_AS(auto none = r.loop.watch(-1, [] {}), std::system_error);
  });
  r.loop.post([] { throw std::runtime_error("posted"); });
  r.loop.post([] { throw 1; });  // NOLINT(hicpp-exception-baseclass)
  clock->advance(1ms);
  CHECK(::write(ends[1], "x", 1) == 1);
  watched.get_future().wait();
  r.on_loop([] {});
  r.on_loop([&] {
    CHECK(failures == 4);
    timer.reset();
    watch.reset();
    r.loop.on_exception(nullptr);
  });
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("P4: a flood of posted work lets timers have their turn, and keeps its order") {
  Running r(real_clock());
  std::vector<int> order;
  bool fired = false;
  std::size_t before = 0;
  std::promise<void> done;
  EventLoop::Handle timer;
  r.on_loop([&] {
    timer = r.loop.after(1ms, [&] {
      fired = true;
      before = order.size();
    });
    for (int i = 0; i < 1000; ++i)
      r.loop.post([&, i] {
        const auto end = std::chrono::steady_clock::now() + 100us;
        while (std::chrono::steady_clock::now() < end) continue;
        order.push_back(i);
        if (i == 999) done.set_value();
      });
  });
  done.get_future().wait();
  r.on_loop([&] {
    CHECK(fired);
    CHECK(before < 900);
    CHECK(order.size() == 1000);
    CHECK(std::is_sorted(order.begin(), order.end()));
    timer.reset();
  });
}
