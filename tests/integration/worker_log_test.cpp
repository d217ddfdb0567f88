// What kernels have said, read again; and hosts that hold them back.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "worker_fixture.hpp"

namespace oast::test {

namespace {

using namespace std::chrono_literals;

LogRecord next(LogReader& reader) {
  auto record = reader.next_for(kGenerous);
  REQUIRE(record.has_value());
  return std::move(*record);
}

std::string all_output(LogReader reader) {
  std::string result;
  while (const auto record = reader.next_for(kGenerous))
    if (const auto* output = std::get_if<Output>(&record->what)) result += output->text;
  return result;
}

}  // namespace

TEST_CASE("a kernel's log has what it said, whose it was, and from any number") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua");
    const auto first = w.remote_eval("print('one') return 1");
    CHECK(first.get().as<int>() == 1);
    CHECK_THROWS_AS(w.remote_eval_fetch("print('two') error('boom')"), RemoteException);

    LogReader reader = w.read_log();
    LogRecord record = next(reader);
    CHECK(record.number == 1);
    CHECK(record.request == first.key());
    CHECK(std::get<Output>(record.what).text == "one\n");
    record = next(reader);
    CHECK(record.number == 2);
    CHECK(std::get<LogValue>(record.what).get().as<int>() == 1);
    const auto between = reader.position();
    record = next(reader);
    CHECK(record.request.id != first.key().id);
    record = next(reader);
    CHECK(std::get<Failure>(record.what).kind == FailureKind::remote_exception);
    CHECK_FALSE(reader.next_for(kGenerous).has_value());

    CHECK(all_output(w.read_log({.from = between})) == "two\n");
    CHECK(all_output(w.read_log({.host = first.key().host, .request = first.key().id})) == "one\n");
  });
}

TEST_CASE("a reader that follows a kernel sees its end") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua");
    LogReader reader = w.read_log({.follow = true});
    const auto running = start_running(w, "while true do end");
    CHECK(std::holds_alternative<Output>(next(reader).what));
    w.kill();
    CHECK(kind_of(running) == FailureKind::kernel_died);
    bool ended = false;
    while (const auto record = reader.next_for(kGenerous)) {
      const auto* end = std::get_if<LogEnded>(&record->what);
      if (end != nullptr) CHECK(end->death.cause == DeathCause::stopped);
      ended = ended || end != nullptr;
    }
    CHECK(ended);
  });
}

TEST_CASE("who follows one request learns of its end, also when its kernel never had it") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua");
    const auto running = start_running(w, "while true do end");
    std::vector<Future<Value>> waiting;
    for (int i = 0; i < 300; ++i) waiting.push_back(w.remote_eval("1"));  // more than it is sent
    const RequestKey last = waiting.back().key();
    eventually([&] { return broker.find(w.id()).queued >= 300; }, "all wait");
    LogReader reader = w.read_log({.host = last.host, .request = last.id, .follow = true});
    waiting.back().cancel();
    CHECK_FALSE(reader.next_for(kGenerous).has_value());
    w.kill();
  });
}

TEST_CASE("a host reads a bounded number of logs at once") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua");
    std::vector<LogReader> readers;
    for (int i = 0; i < 65; ++i) readers.push_back(w.read_log({.follow = true}));
    try {
      static_cast<void>(readers.back().next_for(kGenerous));
      FAIL("it was taken");
    } catch (const Error& error) {
      CHECK(error.kind() == FailureKind::overloaded);
    }
    readers.front().close();
    CHECK(w.remote_eval_fetch<int>("1") == 1);
  });
}

TEST_CASE("a log of no kernel is not found") {
  with_each_broker([](const Broker& broker) {
    LogReader reader = broker.read_log(KernelId{987654321});
    try {
      reader.next_for(kGenerous);
      FAIL("it was found");
    } catch (const Error& error) {
      CHECK(error.kind() == FailureKind::not_found);
    }
  });
}

TEST_CASE("bytes that are no text arrive as they were written") {
  with_each_broker([](const Broker& broker) {
    std::string seen;
    bool text = true;
    Worker w = broker.start("lua", {.on_output = [&](const Output& o) {
                              seen += o.text;
                              text = text && o.utf8;
                            }});
    w.remote_eval_wait("io.write('\\0\\xff\\x80a')");
    CHECK(seen == std::string("\0\xff\x80"
                              "a",
                              4));
    CHECK_FALSE(text);
  });
}

TEST_CASE("P4: a kernel whose output is held waits, another does not, and nothing is lost") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  constexpr std::size_t kWindow = std::size_t{4} << 20;
  constexpr std::size_t kTotal = 4 * kWindow;
  std::atomic<std::size_t> seen{0};
  std::atomic<bool> hold{true};
  std::mutex mutex;
  std::vector<OutputHold> held;
  Worker w = broker.start("lua", {.on_output = [&](const Output& o) {
                            seen += o.text.size();
                            const std::lock_guard lock(mutex);
                            if (hold) held.push_back(hold_output());
                          }});
  const auto flood = w.remote_eval("for i = 1, 16384 do io.write(('x'):rep(1023), '\\n') end");
  eventually([&] { return seen >= kWindow / 2; }, "the flood begins");
  // It stands still: another kernel works, and much time passes.
  Worker other = broker.start("lua");
  for (int i = 0; i < 2000; ++i) other.remote_eval_fetch("return 1");
  CHECK(seen < 2 * kWindow);
  CHECK_FALSE(flood.ready());
  hold = false;
  {
    const std::lock_guard lock(mutex);
    held.clear();
  }
  REQUIRE(flood.wait_for(kGenerous));
  flood.get();
  CHECK(seen == kTotal);
}

TEST_CASE("a request that has a deadline fails with a timeout that its broker enforces") {
  with_each_broker([](const Broker& broker) {
    Worker w = broker.start("lua");
    const auto late = w.remote_eval("while true do end", {.timeout = 100ms});
    CHECK(kind_of(late) == FailureKind::timeout);
    CHECK(w.remote_eval_fetch<int>("return 1") == 1);
  });
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep freed memory
TEST_CASE("P4: small records that come one at a time take no more memory than they are") {
  const Daemon daemon;
  // Of a host in a session replies are in the log, too.
  const Broker broker = Broker::connect(daemon.directory().string(), {.session = "small"});
  Worker worker = broker.start("lua");
  const auto print = [&](int times) {
    for (int i = 0; i < times; ++i) worker.remote_eval_wait("print('x')");
  };
  print(100);
  const auto before = resident_bytes(daemon.pid());
  print(6000);
  // Of the log 1 MiB is in memory.
  CHECK(resident_bytes(daemon.pid()) < before + (8U << 20));
}

TEST_CASE("P4: a log that is followed and not read takes no more memory than its records are") {
  const Daemon daemon;
  const Broker broker = daemon.connect();
  Worker worker = broker.start("lua");
  const LogReader reader = worker.read_log({.follow = true});
  const auto print = [&](int times) {
    for (int i = 0; i < times; ++i) worker.remote_eval_wait("print('x')");
  };
  print(100);
  const auto before = resident_bytes(::getpid());
  print(4000);
  CHECK(resident_bytes(::getpid()) < before + (8U << 20));
}
#endif

}  // namespace oast::test
