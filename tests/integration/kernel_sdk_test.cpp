// A kernel in plain C, tests/unit/c_kernel.c, under real brokers.
#include <stdlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "worker_fixture.hpp"

using namespace oast;
using namespace oast::test;
using namespace std::chrono_literals;

namespace {

Broker broker_with_c_kernel() {
  return Broker::embedded({.specs = {{.name = "c", .language = "toy", .argv = {OAST_C_KERNEL}}}});
}

/// What a callback was given. Thread-safe.
class Outputs {
 public:
  OutputCallback callback() {
    return [this](const Output& output) {
      const std::lock_guard lock(mutex_);
      outputs_.push_back(output);
    };
  }
  std::vector<Output> all() const {
    const std::lock_guard lock(mutex_);
    return outputs_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Output> outputs_;
};

/// Directory and token that the C kernel was given to be a host with.
struct Invitation {
  std::string directory;
  std::string token;
};
Invitation invitation(Worker& kernel) {
  const auto who = kernel.remote_eval_fetch<std::string>("who");
  const auto between = [&](std::size_t from) {
    const auto start = who.find('[', from) + 1;
    return who.substr(start, who.find(']', start) - start);
  };
  return {between(0), between(who.find(']'))};
}

}  // namespace

TEST_CASE("a kernel in C under a real broker evaluates, prints, asks and is interrupted") {
  const Broker broker = broker_with_c_kernel();
  Worker w = broker.start("c");
  CHECK(w.remote_eval_fetch<std::string>("upper abc") == "ABC");
  Outputs outputs;
  CHECK(w.remote_eval_fetch<int>("print hello", {.on_output = outputs.callback()}) == 0);
  REQUIRE(outputs.all().size() == 1);
  CHECK(outputs.all()[0].text == "hello");
  CHECK(w.remote_eval_fetch<std::string>("ask name?",
                                         {.on_input = [](const std::string& prompt, bool) {
                                           return prompt + "ann";
                                         }}) == "name?ann");
  Outputs begun;
  const auto spinning = w.remote_eval("spin on", {.on_output = begun.callback()});
  eventually([&] { return !begun.all().empty(); }, "it runs");
  CHECK(w.interrupt() == InterruptOutcome::interrupted);
  CHECK(kind_of(spinning) == FailureKind::interrupted);
  CHECK(w.remote_eval_fetch<std::string>("upper still") == "STILL");
}

TEST_CASE("P2: output of a request that has ended reaches its host, with the worker's callback") {
  const Broker broker = broker_with_c_kernel();
  Outputs late;
  StartOptions options;
  options.on_output = late.callback();
  Worker w = broker.start("c", options);
  w.remote_eval_wait("keep 0");
  Outputs own;
  w.remote_eval_wait("late words", {.on_output = own.callback()});
  std::string text;
  for (const Output& output : own.all()) text += output.text;
  CHECK(text == "beforeafter");
  eventually([&] { return !late.all().empty(); }, "the late output came");
  CHECK(late.all()[0].stream == Output::Stream::err);
  CHECK(late.all()[0].text == "words");
}

TEST_CASE("hosts see what a display is called, that it is an update, and a clear") {
  const Broker broker = broker_with_c_kernel();
  Worker w = broker.start("c");
  Outputs outputs;
  w.remote_eval_wait("show what", {.on_output = outputs.callback()});
  const auto all = outputs.all();
  REQUIRE(all.size() == 4);
  CHECK(all[0].text == "first ");
  CHECK(all[1].stream == Output::Stream::display);
  CHECK(all[1].display_id == "name");
  CHECK_FALSE(all[1].update);
  REQUIRE(all[1].parts.size() == 2);
  CHECK(all[1].parts[0] == std::pair<std::string, Value>("text/plain", "what"));
  CHECK(all[1].parts[1].second.as<Buffer>().view() == std::string_view("\0\1\2", 3));
  CHECK(all[2].update);
  CHECK(all[3].stream == Output::Stream::clear);
  CHECK(all[3].wait);
}

TEST_CASE("P3: what a kernel started as a host ends when that kernel is killed with SIGKILL") {
  const Broker broker = broker_with_c_kernel();
  Worker outer = broker.start("c");
  const Invitation invited = invitation(outer);
  CHECK(invited.directory == broker.directory().string());
  // This process, which lives on, stands for the kernel's: only the token ties it to the kernel.
  const Broker nested = Broker::connect(invited.directory, {.token = invited.token});
  Worker inner = nested.start("lua");
  CHECK(inner.remote_eval_fetch<int>("1 + 1") == 2);
  CHECK(inner.info().owner == nested.self());
  const pid_t pid = inner.info().pid;
  broker.signal(outer.id(), SIGKILL);
  eventually([&] { return !exists(pid); }, "the inner kernel ended");
  const auto owner_gone = [&] {
    for (const KernelInfo& kernel : broker.list())
      if (kernel.id == inner.id() && kernel.death)
        return kernel.death->cause == DeathCause::owner_gone;
    return false;
  };
  eventually(owner_gone, "the broker says that its owner left");
  // The token died with the kernel.
  try {
    Broker::connect(invited.directory, {.token = invited.token});
    FAIL("it was let in");
  } catch (const Error& error) {
    CHECK(error.kind() == FailureKind::permission_denied);
  }
}

TEST_CASE("P3: what a kernel started as a host ends with its connection, and the kernel lives on") {
  const Broker broker = broker_with_c_kernel();
  Worker outer = broker.start("c");
  const Invitation invited = invitation(outer);
  pid_t pid = 0;
  {
    const Broker nested = Broker::connect(invited.directory, {.token = invited.token});
    Worker inner = nested.start("lua");
    pid = inner.info().pid;
    inner.release();
  }
  eventually([&] { return !exists(pid); }, "the inner kernel ended");
  CHECK(outer.isrunning());
}

TEST_CASE("a kernel that is a host hears of kernels like any other host") {
  const Broker broker = broker_with_c_kernel();
  Worker outer = broker.start("c");
  const Invitation invited = invitation(outer);
  const Broker nested = Broker::connect(invited.directory, {.token = invited.token});
  Event heard;
  std::once_flag once;
  const auto watching =
      nested.watch([&](const KernelEvent&) { std::call_once(once, [&] { heard.set(); }); });
  heard.wait();
}

TEST_CASE("a start chooses program and flags of a spec from a file, which is read when needed") {
  const ScratchDirectory scratch;
  const std::filesystem::path& specs = scratch.path();
  ::setenv("OAST_SPECS", specs.c_str(), 1);
  const Broker broker = Broker::embedded();
  const auto write = [&](const std::string& text) {
    std::filesystem::create_directories(specs / "toy");
    std::ofstream(specs / "toy" / "oast.json") << text;
  };
  write(R"({"argv": ["{exename}", "{exeflags}"], "exename": "/nonexistent/toy"})");
  CHECK_THROWS_AS(broker.start("toy"), TerminatedWorkerException);
  StartOptions options;
  options.exename = OAST_C_KERNEL;
  options.exeflags = {"fd"};
  Worker w = broker.start("toy", options);
  CHECK(w.remote_eval_fetch<std::string>("upper abc") == "ABC");
  options.exename = "toy/relative";
  CHECK_THROWS_WITH_AS(broker.start("toy", options), doctest::Contains("absolute"), Error);
  write("{");
  CHECK_THROWS_WITH_AS(broker.start("toy", options), doctest::Contains("is not JSON"), Error);
  CHECK(broker.start("lua").remote_eval_fetch<int>("1 + 1") == 2);
  ::unsetenv("OAST_SPECS");
}
