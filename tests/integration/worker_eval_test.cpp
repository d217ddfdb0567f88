// Evaluating, calling, channels and futures, in kernels of their own.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

TEST_CASE("a worker by itself: one line starts it, one evaluates") {
  Worker w{"lua"};
  CHECK(w.remote_eval_fetch<int>("1 + 1") == 2);
  CHECK(w.isrunning());
  CHECK(w.broker().is_embedded());
  CHECK(w.info().spec == "lua");
  CHECK(w.info().owner == w.broker().self());
}

TEST_CASE("workers of one process share one embedded broker, which ends with the last") {
  std::filesystem::path first;
  {
    const Worker a;
    const Worker b;
    CHECK(a.broker().directory() == b.broker().directory());
    CHECK(a.id() != b.id());
    first = a.broker().directory();
  }
  CHECK_FALSE(std::filesystem::exists(first));
  Worker c;
  CHECK(c.remote_eval_fetch<int>("3") == 3);
}

TEST_CASE("values come back as what they were") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const Value::List list{Value(1), Value(2.5), Value("three"), Value(true)};
    const std::vector<Value> values = {
        Value(),    Value(true),   Value(42),      Value(std::int64_t{1} << 62),
        Value(0.5), Value("text"), Value("zwölf"), Value(list)};
    for (const Value& value : values) {
      CAPTURE(value.kind_name());
      CHECK(w.remote_call_fetch(source("function(x) return x end"), {value}) == value);
    }
    CHECK(w.remote_eval_fetch<std::vector<int>>("{1, 2, 3}") == std::vector<int>{1, 2, 3});
    CHECK(w.remote_eval_fetch<std::map<std::string, int>>("{a = 1}") ==
          std::map<std::string, int>{{"a", 1}});
    CHECK(w.remote_eval_fetch<int>("select('#', ...)", {.args = {Value(1), Value("b")}}) == 2);
  });
}

TEST_CASE("megabytes go there and back unchanged") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    std::string big(5 << 20, 'x');
    big[12345] = 'y';
    CHECK(w.remote_call_fetch<std::string>(source("function(x) return x end"), {big}) == big);
  });
}

TEST_CASE("what is too large to send is said so, and nothing else suffers") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const std::string huge(std::size_t{70} << 20, 'x');
    CHECK(w.remote_call_fetch<std::size_t>("string.len", {huge}) == huge.size());
    CHECK(w.remote_eval_fetch<std::string>("string.rep('x', 70 << 20)") == huge);
    CHECK_THROWS_AS(w.remote_eval_fetch("--" + huge), Error);
    CHECK(w.remote_call_fetch<std::size_t>(source("function(x) return #x end"),
                                           {Buffer::copy_of(std::string_view(huge))}) ==
          huge.size());
  });
}

TEST_CASE("state persists, errors carry message and traceback, and the kernel goes on") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait("x = 40");
    CHECK(w.remote_eval_fetch<int>("x + 2") == 42);
    try {
      w.remote_eval_fetch("error('boom')");
      FAIL("it did not throw");
    } catch (const RemoteException& error) {
      CHECK(std::string(error.what()).find("boom") != std::string::npos);
      CHECK_FALSE(error.failure().traceback.empty());
    }
    CHECK_THROWS_AS(w.remote_eval_fetch("1 +"), RemoteException);
    CHECK_THROWS_AS(w.remote_eval_fetch<std::string>("{}"), Error);
    CHECK(w.remote_eval_fetch<int>("x") == 40);
  });
}

TEST_CASE("calls by path and by source, with an answer and without") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    CHECK(w.remote_call_fetch<std::string>("string.upper", {"abc"}) == "ABC");
    CHECK(w.remote_call("math.max", {1, 3, 2}).get() == Value(3));
    w.remote_eval_wait("function f(x) called = x end");
    w.remote_call_wait("f", {7});
    CHECK(w.remote_eval_fetch<int>("called") == 7);
    w.remote_do(function("f"), {8});
    CHECK(w.remote_eval_fetch<int>("called") == 8);
    w.remote_do(source("function(x) called = x end"), {9});
    CHECK(w.remote_eval_fetch<int>("called") == 9);
    CHECK(kind_of(w.remote_call("no.such.function")) == FailureKind::not_found);
    CHECK(w.isrunning());
  });
}

TEST_CASE("P2: requests start in the order sent, from one thread to one kernel") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait("t = {}");
    // While it is busy, the others come to wait in the kernel and at the broker.
    w.remote_do("local start = os.clock() repeat until os.clock() - start > 0.2");
    std::vector<Future<Value>> futures;
    for (int i = 0; i < 2000; ++i) {
      const std::string code = "t[#t + 1] = " + std::to_string(i);
      if (i % 3 == 0) {
        w.remote_do(code);
      } else {
        futures.push_back(w.remote_eval(code));
      }
    }
    for (const auto& future : futures) REQUIRE(future.get().is_nil());
    const auto order = w.remote_eval_fetch<std::vector<int>>("t");
    REQUIRE(order.size() == 2000);
    CHECK(std::is_sorted(order.begin(), order.end()));
  });
}

TEST_CASE("many threads use one worker, and each gets its own answers") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&w, &wrong, t] {
        for (int i = 0; i < 300; ++i) {
          const int n = t * 1000 + i;
          const std::string code = std::to_string(n) + " + 0";
          const int got =
              t % 2 == 0 ? w.remote_eval_fetch<int>(code) : w.remote_eval(code).get().as<int>();
          if (got != n) ++wrong;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
  });
}

TEST_CASE("workers of one broker run at the same time") {
  with_each_broker([](const Broker& broker) {
    Worker a = broker.start();
    Worker b = broker.start();
    const auto busy = start_running(a, "while true do end");
    CHECK(b.remote_eval_fetch<int>("1") == 1);
    CHECK_FALSE(busy.ready());
    busy.cancel();
    CHECK(kind_of(busy) == FailureKind::interrupted);
  });
}

TEST_CASE("a future becomes ready without anybody waiting for it") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto future = w.remote_eval("1");
    eventually([&] { return future.ready(); }, "ready");
    CHECK(future.get() == Value(1));
  });
}

TEST_CASE("a continuation runs without anybody waiting, and may ask and wait itself") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    Event done;
    int sum = 0;
    w.remote_eval("20").then([&](const Future<Value>& first) {
      w.remote_eval("22").then([&, a = first.get().as<int>()](const Future<Value>& second) {
        sum = a + second.get().as<int>() + w.remote_eval_fetch<int>("0");
        done.set();
      });
    });
    done.wait();
    CHECK(sum == 42);
  });
}

TEST_CASE("the last handle of everything may be dropped in a continuation") {
  Event done;
  {
    auto w = std::make_shared<Worker>("lua", StartOptions{.broker = Broker::embedded()});
    w->remote_eval("1").then([w, &done](const Future<Value>&) mutable {
      w.reset();
      done.set();
    });
  }
  done.wait();
}

TEST_CASE("a channel carries values both ways, waits without blocking others, and closes") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait("c = oast.channel(1)");
    auto c = w.worker_channel<int>("c");
    CHECK_FALSE(c.is_ready());
    c.put(1);
    CHECK(c.is_ready());
    const auto second = c.put_async(2);
    CHECK(c.take() == 1);
    second.get();
    CHECK(c.take() == 2);

    const auto waiting = c.take_async();
    CHECK(w.remote_eval_fetch<int>("1") == 1);
    CHECK_FALSE(waiting.ready());
    w.remote_eval_wait("c:put(3)");
    CHECK(waiting.get() == 3);

    CHECK_FALSE(c.take_for(1ms).has_value());
    const auto given_up = c.take_async();
    given_up.cancel();
    CHECK(kind_of(given_up) == FailureKind::interrupted);
    c.put(4);
    c.close();
    std::vector<int> rest;
    for (const int value : c) rest.push_back(value);
    CHECK(rest == std::vector<int>{4});
    CHECK_THROWS_AS(c.put(5), Error);
    CHECK_THROWS_AS(w.worker_channel("42"), RemoteException);
  });
}

TEST_CASE("a channel connects a running kernel with its host") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait("todo, done = oast.channel(4), oast.channel(4)");
    const auto todo = worker_channel<int>(w, "todo");
    const auto done = worker_channel<int>(w, "done");
    const auto loop =
        w.remote_eval("for i = 1, 100 do done:put(todo:take() * 2) end return 'finished'");
    for (int i = 0; i < 100; ++i) {
      todo.put(i);
      REQUIRE(done.take() == 2 * i);
    }
    CHECK(loop.get() == Value("finished"));
  });
}

TEST_CASE("complete, inspect and is_complete ask the kernel") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    w.remote_eval_wait("unmistakable_name = 1");
    const auto found = w.complete("unmistak", 8);
    REQUIRE(found.matches.size() == 1);
    CHECK(found.matches[0] == "unmistakable_name");
    CHECK(found.start == 0);
    CHECK(found.end == 8);
    CHECK(w.is_complete("1 + 1").status == CodeStatus::complete);
    CHECK(w.is_complete("for i = 1, 2 do").status == CodeStatus::incomplete);
    CHECK(w.inspect("print", 3).has_value());
    CHECK_FALSE(w.inspect("no_such_name_anywhere", 3).has_value());
  });
}

TEST_CASE("a kernel that runs one request at a time refuses other lanes, and goes on") {
  Worker worker{"lua"};
  EvalOptions options;
  options.lane = 1;
  CHECK(kind_of(worker.remote_eval("1", options)) == FailureKind::unimplemented);
  CHECK(kind_of(worker.remote_call("tostring", {1}, options)) == FailureKind::unimplemented);
  auto running = start_running(worker, "while true do end");
  CHECK(kind_of(worker.remote_eval("2", options)) == FailureKind::unimplemented);
  CHECK(worker.interrupt() == InterruptOutcome::interrupted);
  CHECK(worker.remote_eval_fetch<int>("3") == 3);
}

TEST_CASE(
    "P4: what a kernel was sent and does not take in is bounded; what was accepted is answered") {
  const Daemon daemon(R"({"queue_bytes": 8000000})");
  const Broker broker = daemon.connect();
  Worker worker = broker.start("lua");
  worker.remote_eval_wait("n = 0");
  const pid_t kernel = worker.info().pid;
  ::kill(kernel, SIGSTOP);
  eventually([&] { return all_stopped(kernel); }, "the kernel stands still");
  std::vector<Future<Value>> sent;
  const Value large = std::string(1'000'000, 'x');
  for (int i = 0; i < 30; ++i)
    sent.push_back(worker.remote_eval("n = n + 1 return #(...)", {.args = {large}}));
  // The first are open, the rest refused at once.
  for (int i = 8; i < 30; ++i)
    CHECK(kind_of(sent[static_cast<std::size_t>(i)]) == FailureKind::overloaded);
  ::kill(kernel, SIGCONT);
  for (int i = 0; i < 7; ++i) {
    REQUIRE(sent[static_cast<std::size_t>(i)].wait_for(kGenerous));
    CHECK(sent[static_cast<std::size_t>(i)].get().as<int>() == 1'000'000);
  }
  CHECK(worker.remote_eval_fetch<int>("n") == 7);
}
