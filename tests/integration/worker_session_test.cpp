// Sessions: hosts whose link is cut, and hosts that come back as others.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "oast/log.hpp"
#include "relay.hpp"
#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

Broker in_session(const std::string& directory, const std::string& name,
                  std::chrono::milliseconds timeout = 1h) {
  return Broker::connect(directory, {.name = "test", .session = name, .session_timeout = timeout});
}

/// What a kernel printed, line by line.
class Lines {
 public:
  OutputCallback callback() {
    return [this](const Output& output) {
      const std::lock_guard lock(mutex_);
      text_ += output.text;
    };
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

std::string numbers(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += std::to_string(i) + "\n";
  return text;
}

/// Lua code that goes on when the file is there.
std::string until_there(const std::filesystem::path& file) {
  return "repeat local f = io.open('" + file.string() + "') until f ";
}

void touch(const std::filesystem::path& file) { std::ofstream{file}; }

}  // namespace

TEST_CASE("a link that is cut for a while: the future stays open, no line is missing or doubled") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker watcher = daemon.connect();
  const Broker broker = in_session(relay.directory(), "cut");
  Worker worker = broker.start("lua");
  Lines lines;
  const auto go = daemon.directory() / "go";
  auto future = start_running(worker, "");
  future.get();
  EvalOptions options;
  options.on_output = lines.callback();
  future = worker.remote_eval(until_there(go) + "for i = 1, 3000 do print(i) end return 7",
                              std::move(options));
  eventually([&] { return watcher.find(worker.id()).request != RequestId{}; }, "it runs");
  relay.cut();
  touch(go);
  eventually([&] { return watcher.find(worker.id()).request == RequestId{}; }, "it has ended");
  CHECK(!future.ready());
  relay.restore();
  REQUIRE(future.wait_for(kGenerous));
  CHECK(future.get().as<int>() == 7);
  CHECK(lines.text() == numbers(1, 3000));
  CHECK(worker.remote_eval_fetch<int>("1 + 1") == 2);
}

TEST_CASE("requests that are sent around many cuts run once each, in order") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker broker = in_session(relay.directory(), "many");
  Worker worker = broker.start("lua");
  Lines lines;
  std::vector<Future<Value>> futures;
  int sent = 0;
  for (int round = 0; round < 25; ++round) {
    for (int i = 0; i < 200; ++i) {
      EvalOptions options;
      options.on_output = lines.callback();
      futures.push_back(worker.remote_eval("n = (n or 0) + 1; print(n); return n", options));
      ++sent;
      if (i == 50) relay.cut();
      if (i == 150) relay.restore();
    }
    REQUIRE(futures[static_cast<std::size_t>(round * 150)].wait_for(kGenerous));
  }
  for (int i = 0; i < sent; ++i) {
    REQUIRE(futures[static_cast<std::size_t>(i)].wait_for(kGenerous));
    REQUIRE(futures[static_cast<std::size_t>(i)].get().as<int>() == i + 1);
  }
  CHECK(lines.text() == numbers(1, sent));
}

TEST_CASE("control requests and requests without an answer survive a cut, and are done once") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker broker = in_session(relay.directory(), "control");
  Worker worker = broker.start("lua");
  worker.remote_eval_wait("n = 0");
  relay.cut();
  for (int i = 0; i < 100; ++i) worker.remote_do("n = n + 1");
  std::thread restorer([&] {
    std::this_thread::sleep_for(50ms);  // so that some is asked before; either way it must hold
    relay.restore();
  });
  Worker second = broker.start("lua", {.name = "second"});
  CHECK(second.remote_eval_fetch<int>("42") == 42);
  CHECK(worker.remote_eval_fetch<int>("n") == 100);
  restorer.join();
  CHECK(broker.list().size() == 2);
}

TEST_CASE("who comes back as another finds its kernels, and what it missed, in order and once") {
  const Daemon daemon;
  const auto go = daemon.directory() / "go";
  RequestKey key;
  KernelId kernel;
  PeerId self;
  Lines first;
  {
    const Broker broker = in_session(daemon.directory().string(), "back");
    CHECK(!broker.resumed());
    self = broker.self();
    StartOptions options;
    options.on_output = first.callback();
    Worker worker = broker.start("lua", std::move(options));
    kernel = worker.id();
    worker.remote_eval_wait("for i = 1, 100 do print(i) end");
    key = worker.remote_eval(until_there(go) + "for i = 101, 200 do print(i) end return 'done'")
              .key();
  }
  CHECK(first.text() == numbers(1, 100));
  const Broker watcher = daemon.connect();
  CHECK(watcher.find(kernel).state == KernelState::busy);
  touch(go);
  eventually([&] { return watcher.find(kernel).state == KernelState::idle; }, "it has ended");

  const Broker broker = in_session(daemon.directory().string(), "back");
  CHECK(broker.resumed());
  CHECK(broker.self() == self);
  Lines missed;
  AttachOptions options;
  options.on_output = missed.callback();
  Worker worker = broker.attach(kernel, std::move(options));
  CHECK(worker.remote_eval_fetch<int>("print(201) return 5") == 5);
  CHECK(missed.text() == numbers(101, 201));

  LogOptions of_request;
  of_request.host = self;
  of_request.request = key.id;
  of_request.follow = true;
  LogReader log = broker.read_log(kernel, of_request);
  std::string answer;
  while (const auto record = log.next())
    if (const auto* value = std::get_if<LogValue>(&record->what))
      answer = value->get().as<std::string>();
  CHECK(answer == "done");
}

TEST_CASE("a kernel dies while its host is away: the host learns how, after the last output") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker watcher = daemon.connect();
  const Broker broker = in_session(relay.directory(), "death");
  Worker worker = broker.start("lua");
  Lines lines;
  const auto go = daemon.directory() / "go";
  EvalOptions options;
  options.on_output = lines.callback();
  const auto running = worker.remote_eval(
      until_there(go) + "for i = 1, 100 do print(i) end os.exit(3)", std::move(options));
  const auto queued = worker.remote_eval("1");
  eventually([&] { return watcher.find(worker.id()).request != RequestId{}; }, "it runs");
  relay.cut();
  touch(go);
  eventually([&] { return watcher.find(worker.id()).death.has_value(); }, "it has died");
  relay.restore();
  CHECK(kind_of(running) == FailureKind::kernel_died);
  CHECK(kind_of(queued) == FailureKind::kernel_died);
  CHECK(lines.text() == numbers(1, 100));
  CHECK(refusal([&] { static_cast<void>(worker.remote_eval_fetch("1")); }) ==
        FailureKind::kernel_died);
}

TEST_CASE("what the broker answers while the host is away waits for it") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker watcher = daemon.connect();
  const Broker broker = in_session(relay.directory(), "answers");
  Worker worker = broker.start("lua");
  const auto running = worker.remote_eval("while true do end");
  EvalOptions options;
  options.timeout = 100ms;
  const auto late = worker.remote_eval("1", std::move(options));
  const auto cancelled = worker.remote_eval("2");
  eventually([&] { return watcher.find(worker.id()).queued == 2; }, "they wait");
  relay.cut();
  CHECK(watcher.interrupt(worker.id(), cancelled.key().id, {}, broker.self()) ==
        InterruptOutcome::cancelled);
  eventually([&] { return watcher.find(worker.id()).queued == 0; }, "the deadline has passed");
  CHECK(watcher.interrupt(worker.id()) == InterruptOutcome::interrupted);
  relay.restore();
  CHECK(kind_of(late) == FailureKind::timeout);
  CHECK(kind_of(cancelled) == FailureKind::interrupted);
  CHECK(kind_of(running) == FailureKind::interrupted);
}

TEST_CASE("a host that is away holds nobody back; what is gone is said") {
  const Daemon daemon(R"({"log_bytes": 1000000})");
  Relay relay(daemon.directory());
  const Broker watcher = daemon.connect();
  const Broker broker = in_session(relay.directory(), "flood");
  Worker worker = broker.start("lua");
  Lines lines;
  const auto go = daemon.directory() / "go";
  EvalOptions options;
  options.on_output = lines.callback();
  const auto future = worker.remote_eval(
      until_there(go) + "local s = ('x'):rep(1000) for i = 1, 20000 do print(s) end return 1",
      std::move(options));
  eventually([&] { return watcher.find(worker.id()).request != RequestId{}; }, "it runs");
  relay.cut();
  touch(go);
  eventually([&] { return watcher.find(worker.id()).request == RequestId{}; }, "it has ended");
  CHECK(watcher.find(worker.id()).log_bytes < (12U << 20));
  relay.restore();
  REQUIRE(future.wait_for(kGenerous));
  CHECK(future.get().as<int>() == 1);
  CHECK(lines.text().size() < 20'020'000);
  CHECK(lines.text().find("are gone from its log]") != std::string::npos);
}

TEST_CASE("code in a session gets the input that it asks for") {
  const Daemon daemon;
  const Broker broker = in_session(daemon.directory().string(), "input");
  Worker worker = broker.start("lua");
  for (const std::string line : {"one", "two"}) {
    EvalOptions options;
    options.on_input = [&](const std::string&, bool) { return line; };
    CHECK(worker.remote_eval("return io.read()", std::move(options)).get_for(kGenerous) == line);
  }
}

TEST_CASE("a kernel that was forgotten over a cut answers when it is attached again") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker broker = in_session(relay.directory(), "again");
  const std::string first = broker.start("lua", {.name = "first", .detach = true}).name();
  const std::string second = broker.start("lua", {.name = "second", .detach = true}).name();
  CHECK(broker.attach(first).remote_eval("1").get_for(kGenerous) == Value(1));
  const Worker other = broker.attach(second);  // now nobody here knows of the first
  relay.cut();
  relay.restore();
  CHECK(broker.attach(first).remote_eval("2").get_for(kGenerous) == Value(2));
}

namespace {

/// Answers of 36 MB in all, which nobody takes, and output in between.
void ask_for_much(Worker& worker) {
  for (int i = 0; i < 120; ++i)
    static_cast<void>(worker.remote_eval("print('on') return ('x'):rep(300000)"));
}

std::size_t answers_in_log(const Broker& broker, KernelId kernel) {
  std::size_t count = 0;
  LogReader reader = broker.read_log(kernel);
  while (const auto record = reader.next_for(kGenerous))
    count += std::holds_alternative<LogValue>(record->what) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("what was seen of a kernel that is attached again does not come again after a cut") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker broker = in_session(relay.directory(), "seen");
  const KernelId kernel = broker.start("lua", {.detach = true}).id();
  Lines first;
  broker.attach(kernel, {.on_output = first.callback()}).remote_eval_wait("print('one')");
  CHECK(first.text() == "one\n");
  broker.start("lua");  // whoever attaches to another looks who is not attached any more
  relay.cut();
  relay.restore();
  Lines again;
  Worker worker = broker.attach(kernel, {.on_output = again.callback()});
  worker.remote_eval_wait("print('two')");
  CHECK(again.text() == "two\n");
  worker.stop();
}

TEST_CASE("P1: what waits for a host that is away outlives its kernels, however much that is") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  std::vector<KernelId> kernels;
  {
    const Broker broker = in_session(daemon.directory().string(), "much");
    for (int i = 0; i < 2; ++i) {
      Worker worker = broker.start("lua", {.detach = true});
      ask_for_much(worker);
      kernels.push_back(worker.id());
    }
  }
  for (const KernelId kernel : kernels) {
    eventually([&] { return watcher.find(kernel).log_bytes > 120U * 300'000; }, "all is said");
    watcher.kill(kernel);
  }
  for (const KernelId kernel : kernels) CHECK(answers_in_log(watcher, kernel) == 120);
}

TEST_CASE("P4: too much for a host that is away holds its kernel back, until its session ends") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  KernelId kernel;
  {
    const Broker broker = in_session(daemon.directory().string(), "full");
    Worker worker = broker.start("lua", {.detach = true});
    for (int i = 0; i < 3; ++i) ask_for_much(worker);
    kernel = worker.id();
  }
  eventually([&] { return watcher.find(kernel).held_by != PeerId{}; }, "it is held back");
  CHECK(watcher.find(kernel).log_bytes < (80U << 20));
  in_session(daemon.directory().string(), "full").end_session();
  CHECK(watcher.attach(kernel).remote_eval("1").get_for(kGenerous) == Value(1));
  CHECK(watcher.find(kernel).held_by == PeerId{});
}

TEST_CASE("a session waits for its host for its time, and then ends its kernels") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  KernelId kernel;
  {
    const Broker broker = in_session(daemon.directory().string(), "short", 300ms);
    kernel = broker.start("lua").id();
  }
  CHECK(!watcher.find(kernel).death);
  eventually([&] { return watcher.find(kernel).death.has_value(); }, "it has ended");
  CHECK(watcher.find(kernel).death->cause == DeathCause::owner_gone);
  CHECK(!in_session(daemon.directory().string(), "short").resumed());
}

TEST_CASE("a session that is ended takes its kernels along") {
  const Daemon daemon;
  const Broker watcher = daemon.connect();
  KernelId kernel;
  {
    const Broker broker = in_session(daemon.directory().string(), "ended");
    kernel = broker.start("lua").id();
    broker.end_session();
  }
  eventually([&] { return watcher.find(kernel).death.has_value(); }, "it has ended");
  CHECK(!in_session(daemon.directory().string(), "ended").resumed());
}

TEST_CASE("of two connections to a session the later has it, and the earlier is told") {
  const Daemon daemon;
  const Broker earlier = in_session(daemon.directory().string(), "two");
  Worker worker = earlier.start("lua");
  const auto open = worker.remote_eval("while true do end");
  eventually([&] { return earlier.find(worker.id()).request != RequestId{}; }, "it runs");
  const Broker later = in_session(daemon.directory().string(), "two");
  CHECK(later.resumed());
  CHECK(kind_of(open) == FailureKind::disconnected);
  CHECK(!earlier.connected());
  CHECK(later.interrupt(worker.id()) == InterruptOutcome::interrupted);
  CHECK(later.attach(worker.id()).remote_eval_fetch<int>("4") == 4);
}

TEST_CASE("P7: a session's secret is a file of this user's alone, and another secret is refused") {
  const Daemon daemon;
  const std::string directory = daemon.directory().string();
  const Broker broker = in_session(directory, "secret");
  const auto file = daemon.directory() / "sessions" / "secret";
  const auto mode = std::filesystem::status(file).permissions();
  CHECK((mode & std::filesystem::perms(0777)) == std::filesystem::perms(0600));
  const std::string wrong(64, 'a');
  std::ofstream(file) << wrong;
  CHECK(refusal([&] { in_session(directory, "secret"); }) == FailureKind::permission_denied);
  CHECK(broker.list().empty());  // the one whose it is goes on
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK(refusal([&] { in_session(directory, "secret"); }) == FailureKind::permission_denied);
}

TEST_CASE("names that no session has are refused") {
  const Daemon daemon;
  const std::string directory = daemon.directory().string();
  for (const char* name : {"..", "a/b", "a b", ".hidden"})
    CHECK(refusal([&] { in_session(directory, name); }) == FailureKind::invalid);
  CHECK(refusal([&] { in_session(directory, std::string(65, 'a')); }) == FailureKind::invalid);
}

TEST_CASE("a broker that is gone takes the session along: callers are told, and do not hang") {
  Daemon daemon;
  const Broker broker = in_session(daemon.directory().string(), "gone");
  Worker worker = broker.start("lua");
  const auto open = worker.remote_eval("while true do end");
  daemon.end(SIGKILL);
  CHECK(kind_of(open) == FailureKind::disconnected);
}

TEST_CASE("a plain host whose link is cut ends with it, as its kernels do") {
  const Daemon daemon;
  Relay relay(daemon.directory());
  const Broker watcher = daemon.connect();
  const Broker broker = Broker::connect(relay.directory(), {.name = "plain"});
  Worker worker = broker.start("lua");
  const auto open = worker.remote_eval("while true do end");
  relay.cut();
  CHECK(kind_of(open) == FailureKind::disconnected);
  eventually([&] { return watcher.find(worker.id()).death.has_value(); }, "its kernel has ended");
}
