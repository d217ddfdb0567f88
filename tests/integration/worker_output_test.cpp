// Output and input of code that runs in kernels.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::string_literals;

namespace {

/// Collects output from whatever thread.
class Collector {
 public:
  OutputCallback callback() {
    return [this](const Output& output) {
      const std::lock_guard lock(mutex_);
      (output.stream == Output::Stream::err ? err_ : out_) += output.text;
    };
  }
  std::string out() const {
    const std::lock_guard lock(mutex_);
    return out_;
  }
  std::string err() const {
    const std::lock_guard lock(mutex_);
    return err_;
  }

 private:
  mutable std::mutex mutex_;
  std::string out_;
  std::string err_;
};

}  // namespace

TEST_CASE("P2: output arrives before the reply, complete and in order, also of child processes") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    for (int round = 0; round < 20; ++round) {
      Collector collected;
      w.remote_eval_wait("for i = 1, 100 do print(i) end os.execute('echo child') io.write('end')",
                         {.on_output = collected.callback()});
      std::string expected;
      for (int i = 1; i <= 100; ++i) expected += std::to_string(i) + "\n";
      REQUIRE(collected.out() == expected + "child\nend");
    }
  });
}

TEST_CASE("P2: output of an asynchronous request is there when its future is ready") {
  with_each_broker([](const Broker& broker) {
    std::vector<std::unique_ptr<Collector>> collectors;  // before the worker, to outlive it
    Worker w = broker.start();
    std::vector<Future<Value>> futures;
    for (int i = 0; i < 100; ++i) {
      collectors.push_back(std::make_unique<Collector>());
      futures.push_back(w.remote_eval("print('line " + std::to_string(i) + "')",
                                      {.on_output = collectors.back()->callback()}));
    }
    for (std::size_t i = 0; i < futures.size(); ++i) {
      futures[i].wait();
      REQUIRE(collectors[i]->out() == "line " + std::to_string(i) + "\n");
    }
  });
}

TEST_CASE("output streams while the code still runs") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const auto future = start_running(w, "while true do end");
    CHECK_FALSE(future.ready());
    future.cancel();
    CHECK(kind_of(future) == FailureKind::interrupted);
  });
}

TEST_CASE("stderr is told from stdout") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    Collector collected;
    w.remote_eval_wait("io.stderr:write('oops') io.write('fine')",
                       {.on_output = collected.callback()});
    CHECK(collected.out() == "fine");
    CHECK(collected.err() == "oops");
  });
}

TEST_CASE("the worker's callback gets what no request's callback takes, also of remote_do") {
  with_each_broker([](const Broker& broker) {
    Collector of_worker;
    Collector of_request;
    Worker w = broker.start("lua", {.on_output = of_worker.callback()});
    w.remote_eval_wait("print('a')");
    w.remote_eval_wait("print('b')", {.on_output = of_request.callback()});
    w.remote_do("print('c')");
    eventually([&] { return of_worker.out() == "a\nc\n"; }, "output of remote_do");
    CHECK(of_request.out() == "b\n");
  });
}

TEST_CASE("no callback of a worker runs once it is destroyed") {
  with_each_broker([](const Broker& broker) {
    for (int i = 0; i < 5; ++i) {
      auto counter = std::make_unique<std::atomic<int>>(0);
      {
        Worker w = broker.start("lua", {.on_output = [n = counter.get()](const Output&) { ++*n; }});
        static_cast<void>(w.remote_eval("while true do print('x') end"));
        eventually([&] { return *counter > 0; }, "the first output");
      }
      counter.reset();  // under a sanitizer a late callback would be noticed
    }
  });
}

TEST_CASE("what an output callback throws is thrown by get, and the worker goes on") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    const EvalOptions options{
        .on_output = [](const Output&) { throw std::runtime_error("disk full"); }};
    CHECK_THROWS_WITH(w.remote_eval_wait("print('x')", options), "disk full");
    CHECK(w.remote_eval_fetch<int>("1") == 1);
  });
}

TEST_CASE("what an output callback throws costs the worker nothing where no request is open") {
  with_each_broker([](const Broker& broker) {
    Event thrown;
    Worker w = broker.start("lua", {.on_output = [&](const Output&) {
                              thrown.set();
                              throw std::runtime_error("disk full");
                            }});
    w.remote_do("print('x')");
    thrown.wait();
    CHECK(w.remote_eval_fetch<int>("1") == 1);
  });
}

TEST_CASE("no callback of a request runs once a blocking function has given up on it") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    std::atomic<bool> inside{true};
    std::atomic<int> outputs{0};
    std::atomic<int> late{0};
    EvalOptions options{.timeout = std::chrono::milliseconds(50)};
    options.on_output = [&](const Output&) {
      ++outputs;
      if (!inside) ++late;
    };
    while (outputs == 0) {
      CHECK_THROWS_AS(w.remote_eval_wait("while true do print('x') end", options), Error);
      *options.timeout *= 2;
    }
    inside = false;
    CHECK(w.remote_eval_fetch<int>("1") == 1);  // its output has come before that
    CHECK(late == 0);
  });
}

TEST_CASE("a worker may be destroyed by its own output callback") {
  with_each_broker([](const Broker& broker) {
    Event destroyed;
    auto w = std::make_shared<std::unique_ptr<Worker>>();
    std::atomic<bool> once{false};
    *w = std::make_unique<Worker>("lua",
                                  StartOptions{.broker = broker, .on_output = [&](const Output&) {
                                                 if (once.exchange(true)) return;
                                                 w->reset();
                                                 destroyed.set();
                                               }});
    const auto future = (*w)->remote_eval("while true do print('x') end");
    destroyed.wait();
    REQUIRE(future.wait_for(kGenerous));
  });
}

TEST_CASE("input is asked of the host, by the request's callback or the worker's") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua", {.on_input = [](const std::string&, bool) {
                              return std::optional<std::string>("the worker's");
                            }});
    CHECK(w.remote_eval_fetch<std::string>("io.read()") == "the worker's");
    const EvalOptions options{.on_input = [](const std::string&, bool) {
      return std::optional<std::string>("the request's");
    }};
    CHECK(w.remote_eval_fetch<std::string>("io.read()", options) == "the request's");
    const auto future = w.remote_eval("io.read()", options);
    eventually([&] { return future.ready(); }, "an answer that nobody waits for");
  });
}

TEST_CASE("standard input is bytes, which the host gives as code reads them") {
  with_each_broker([](const Broker& broker) {
    const std::string all = "\xFF\0 no end of line"s + std::string(200'000, 'x') + "\n\r\nlast";
    for (const std::size_t most : {std::size_t{1000}, std::size_t{1} << 20}) {
      std::size_t given = 0;
      std::vector<std::size_t> asked;
      EvalOptions options;
      options.on_input = [&](const InputRequest& request) -> std::optional<std::string> {
        asked.push_back(request.block_bytes);
        std::string block = all.substr(given, std::min(request.block_bytes, most));
        given += block.size();
        return block;  // empty: the end
      };
      Worker w = broker.start("lua");
      CHECK(w.remote_eval_fetch<Buffer>("io.read(1)", options).view() == "\xFF");
      CHECK(asked.size() == 1);  // nothing is asked for before it is wanted
      CHECK(asked[0] > 0);
      given = 0;
      CHECK(w.remote_eval_fetch<Buffer>("io.read('a')", options).view() == all);
      given = 0;
      CHECK(w.remote_eval_fetch<Buffer>("io.read() .. '|' .. io.read()", options).view() ==
            all.substr(0, all.find('\n')) + "|\r");
    }
  });
}

TEST_CASE("without a callback, or when it gives nothing or throws, input is at its end") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start();
    CHECK(w.remote_eval_fetch("io.read()").is_nil());
    CHECK(w.remote_eval_fetch(
               "io.read()",
               {.on_input = [](const std::string&, bool) { return std::optional<std::string>(); }})
              .is_nil());
    CHECK(w.remote_eval_fetch("io.read()", {.on_input = [](const std::string&,
                                                           bool) -> std::optional<std::string> {
                                throw std::runtime_error("no terminal");
                              }})
              .is_nil());
  });
}

TEST_CASE("a slow answer to an input request holds up nothing else, and can be interrupted") {
  with_each_broker([](const Broker& broker) {
    Worker a = broker.start();
    Worker b = broker.start();
    const auto asked = std::make_shared<Event>();
    const auto released = std::make_shared<std::promise<void>>();
    EvalOptions options;
    options.on_input = [asked, gate = std::shared_future<void>(released->get_future())](
                           const std::string&, bool) -> std::optional<std::string> {
      asked->set();
      gate.wait();
      return "too late";
    };
    const auto reading = a.remote_eval("io.read()", options);
    asked->wait();
    CHECK(b.remote_eval_fetch<int>("1") == 1);
    CHECK(a.interrupt() == InterruptOutcome::interrupted);
    CHECK(kind_of(reading) == FailureKind::interrupted);
    released->set_value();
    CHECK(a.remote_eval_fetch<int>("2") == 2);
  });
}

TEST_CASE("P4: a callback that blocks does not keep the embedded broker from its other hosts") {
  const Broker broker = Broker::embedded();
  Worker w = broker.start();
  Event entered;
  Event leave;
  std::thread caller([&] {
    w.remote_eval_wait("print('x')", {.on_output = [&](const Output&) {
                         entered.set();
                         leave.wait();
                       }});
  });
  entered.wait();
  {
    const Broker other = Broker::connect(broker.directory().string(), {.name = "another host"});
    CHECK(other.start().remote_eval_fetch<int>("1 + 1", {.timeout = kGenerous}) == 2);
  }
  leave.set();
  caller.join();
}
