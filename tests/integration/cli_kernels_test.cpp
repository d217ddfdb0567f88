// The commands that look after the kernels of a daemon.
#include <signal.h>

#include "cli_fixture.hpp"

using namespace oast::test;
using namespace std::chrono_literals;

TEST_CASE("without a broker, commands that need one exit 4 and say how to start it") {
  const Nest nest;
  for (const char* command : {"ps", "top", "watch", "start"}) {
    const auto ended = run(nest, {command});
    CHECK(ended.code == 4);
    CHECK(contains(ended.err, "start one with `oast broker`"));
    CHECK(contains(ended.err, nest.path().string()));
  }
  CHECK(run(nest, {"stop", "work"}).code == 4);
  CHECK(run(nest, {"eval", "--to", "work", "1"}).code == 4);
}

TEST_CASE("a detached kernel keeps its state between commands, until stop") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"eval", "--to", "work", "x = 41"}).code == 0);
  CHECK(run(nest, {"eval", "--to", "work", "x + 1"}).out == "42\n");
  const auto stopped = run(nest, {"stop", "work"});
  CHECK(stopped.code == 0);
  CHECK(nest.kernels().empty());
  CHECK(kernel_row(nest, "work").at("state") == "dead");
}

TEST_CASE("eval without options uses the daemon that runs, and its kernel still ends with it") {
  const Nest nest;
  const RunningBroker broker(nest);
  CHECK(run(nest, {"eval", "1 + 1"}).out == "2\n");
  CHECK(list_kernels(nest).size() == 1);
  CHECK(nest.kernels().empty());
}

TEST_CASE("ps --json has the documented fields") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const Json kernel = kernel_row(nest, "work");
  for (const char* field : {"id",
                            "name",
                            "spec",
                            "state",
                            "pid",
                            "owner",
                            "detached",
                            "request",
                            "queued",
                            "rss_bytes",
                            "cpu_seconds",
                            "heartbeat_ms",
                            "age_s",
                            "restarts",
                            "held_by",
                            "held_s",
                            "unacknowledged_bytes",
                            "log_first",
                            "log_last",
                            "log_bytes",
                            "log_problem"}) {
    CHECK_MESSAGE(kernel.contains(field), field);
  }
  CHECK(kernel.size() == 21);
  CHECK(kernel.at("spec") == "lua");
  CHECK(kernel.at("state") == "idle");
  CHECK(kernel.at("detached") == true);
  CHECK(kernel.at("owner").is_null());
  CHECK(nest.kernels() == std::vector<pid_t>{kernel.at("pid").get<pid_t>()});
}

TEST_CASE("start passes on what --env and --cwd name, and nothing else") {
  const Nest nest;
  const RunningBroker broker(nest);
  REQUIRE(run(nest, {"start", "--detach", "--name", "e", "--env", "A=b=c", "--cwd", "/usr"}).code ==
          0);
  CHECK(run(nest, {"eval", "--to", "e", "os.getenv('A')"}).out == "\"b=c\"\n");
  CHECK(run(nest, {"eval", "--to", "e", "io.popen('pwd'):read()"}).out == "\"/usr\"\n");
  CHECK(run(nest, {"eval", "--to", "e", "os.getenv('XDG_STATE_HOME')"}).out.empty());
  CHECK(run(nest, {"stop", "e"}).code == 0);
}

TEST_CASE("start without --detach holds its kernel until Ctrl-C") {
  const Nest nest;
  const RunningBroker broker(nest);
  Oast held(nest, {"start", "--name", "held"});
  held.wait_for("held\n");
  CHECK(kernel_row(nest, "held").at("detached") == false);
  held.signal(SIGINT);
  CHECK(held.end().code == 130);
  CHECK(nest.kernels().empty());
}

TEST_CASE("start without --detach says when its kernel dies") {
  const Nest nest;
  const RunningBroker broker(nest);
  Oast held(nest, {"start", "--name", "held"});
  held.wait_for_error("started");
  REQUIRE(run(nest, {"kill", "held"}).code == 0);
  const auto ended = held.end();
  CHECK(ended.code == 3);
  CHECK(contains(ended.err, "SIGKILL"));
}

TEST_CASE("start --restart on-failure: the name lives on when its kernel dies") {
  const Nest nest;
  const RunningBroker broker(nest);
  Oast held(nest, {"start", "--name", "held", "--restart", "on-failure"});
  held.wait_for_error("started kernel");
  CHECK(run(nest, {"eval", "--to", "held", "os.exit(3)"}).code == 3);
  held.wait_for_error("died and was started again as kernel");
  CHECK(run(nest, {"eval", "--to", "held", "6 * 7"}).out == "42\n");
  Json living;
  for (const Json& kernel : list_kernels(nest))
    if (kernel.at("state") != "dead") living = kernel;
  CHECK(living.at("restarts") == 1);
  held.signal(SIGINT);
  CHECK(held.end().code == 130);
  CHECK(nest.kernels().empty());
  CHECK(run(nest, {"start", "--restart", "sometimes"}).code == 2);
}

TEST_CASE("interrupt ends the eval of another command, which exits 130") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"interrupt", "work"}).out == "nothing_running\n");
  Oast busy(nest, {"eval", "--to", "work", "print('running') while true do end"});
  busy.wait_for("running");
  CHECK(run(nest, {"interrupt", "work"}).out == "interrupted\n");
  CHECK(busy.end().code == 130);
  CHECK(run(nest, {"eval", "--to", "work", "1"}).out == "1\n");
}

TEST_CASE("interrupt of a request that nobody asked says that no such request is open") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"interrupt", "work", "--request", "777"}).out == "not_open\n");
  const auto ended = run(nest, {"interrupt", "work", "--request", "777", "--json"});
  CHECK(Json::parse(ended.out) ==
        Json{{"kernel", "work"}, {"request", 777}, {"outcome", "not_open"}});
}

TEST_CASE("interrupt of a number means the request that runs now, whoever's it is") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  Oast busy(nest, {"eval", "--to", "work", "print('running') while true do end"});
  busy.wait_for("running");
  Oast waiting(nest, {"eval", "--to", "work", "1"});
  eventually([&] { return kernel_row(nest, "work").at("queued") == 1; }, "the second to wait");
  // One that may be queued, but whose?
  const auto whose = run(nest, {"interrupt", "work", "--request", "777"});
  CHECK(whose.code == 2);
  CHECK(contains(whose.err, "--host"));
  const auto runs = std::to_string(kernel_row(nest, "work").at("request").get<int>());
  CHECK(run(nest, {"interrupt", "work", "--request", runs}).out == "interrupted\n");
  CHECK(busy.end().code == 130);
  CHECK(waiting.end().out == "1\n");
}

TEST_CASE("with --to, a timeout interrupts the code and leaves the kernel alone") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"eval", "--to", "work", "x = 1"}).code == 0);
  CHECK(run(nest, {"eval", "--to", "work", "--timeout", "0.3", "while true do end"}).code == 5);
  CHECK(run(nest, {"eval", "--to", "work", "x"}).out == "1\n");
}

TEST_CASE("a request queued behind another times out and never runs") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  Oast busy(nest, {"eval", "--to", "work", "print('running') while true do end"});
  busy.wait_for("running");
  CHECK(run(nest, {"eval", "--to", "work", "--timeout", "0.3", "hidden = true"}).code == 5);
  CHECK(run(nest, {"interrupt", "work"}).code == 0);
  CHECK(busy.end().code == 130);
  CHECK(run(nest, {"eval", "--to", "work", "hidden"}).out.empty());
}

TEST_CASE("kill takes signals by any of their names") {
  const Nest nest;
  const RunningBroker broker(nest);
  for (const char* signal : {"KILL", "sigkill", "9"}) {
    start_kernel(nest, "victim");
    const auto killed = run(nest, {"kill", "victim", "--signal", signal});
    CHECK(killed.code == 0);
    CHECK(contains(killed.err, "SIGKILL"));
    CHECK(nest.kernels().empty());
  }
  start_kernel(nest, "victim");
  CHECK(run(nest, {"kill", "-s", "TERM", "victim"}).code == 0);
  eventually([&] { return nest.kernels().empty(); }, "SIGTERM to end it");
}

TEST_CASE("an unknown kernel is complained about with those there are, and exits 2") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "one");
  start_kernel(nest, "two");
  for (const char* command : {"stop", "kill", "interrupt"}) {
    const auto ended = run(nest, {command, "nobody"});
    CHECK(ended.code == 2);
    CHECK(contains(ended.err, "no kernel `nobody`: there are one and two"));
  }
  CHECK(run(nest, {"stop", "nobody", "one", "two"}).code == 2);
  CHECK(nest.kernels().empty());
}

TEST_CASE("names that cannot be given, or are taken, exit 2") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "one");
  CHECK(run(nest, {"start", "--name", "one"}).code == 2);
  CHECK(run(nest, {"start", "--name", "a b"}).code == 2);
  CHECK(run(nest, {"start", "-k", "cobol"}).code == 2);
  CHECK(run(nest, {"eval", "--to", "two", "1"}).code == 2);
}

TEST_CASE("a kernel that is named twice has one turn") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const auto stopped = run(
      nest, {"stop", "work", std::to_string(kernel_row(nest, "work").at("id").get<int>()), "work"});
  CHECK(stopped.code == 0);
  CHECK(stopped.err == "work: ended with exit code 0\n");
}

TEST_CASE("watch --json tells the life of a kernel, one object a line") {
  const Nest nest;
  const RunningBroker broker(nest);
  Oast watch(nest, {"watch", "--json"});
  // It has subscribed once it tells of a kernel at all.
  start_kernel(nest, "first");
  watch.wait_for("\"name\":\"first\"");
  start_kernel(nest, "second");
  CHECK(run(nest, {"kill", "second"}).code == 0);
  watch.wait_for("\"name\":\"second\"");
  watch.wait_for("\"state\":\"dead\"");
  watch.wait_for("\n");
  watch.signal(SIGINT);
  const auto ended = watch.end();
  CHECK(ended.code == 130);
  std::istringstream lines(ended.out);
  bool died = false;
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line);
    CHECK((event.at("change") == "state" || event.at("change") == "heartbeat"));
    died = died ||
           (event.at("kernel").at("name") == "second" && event.at("kernel").at("state") == "dead" &&
            event.at("kernel").at("death").at("signal_name") == "SIGKILL");
  }
  CHECK(died);
}

TEST_CASE("watch shows heartbeats") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  Oast watch(nest, {"watch"});
  watch.wait_for("work  heartbeat");
  watch.leave();
  CHECK(watch.end().code == 141);
}

TEST_CASE("watch and top end with exit 4 when the broker goes") {
  const Nest nest;
  Oast broker(nest, {"broker"});
  broker.wait_for_error("ready in");
  Oast watch(nest, {"watch"});
  start_kernel(nest, "work");
  watch.wait_for("work");
  broker.signal(SIGKILL);
  broker.end();
  CHECK(watch.end().code == 4);
  eventually([&] { return nest.processes().empty(); }, "the kernel to be gone");
}

TEST_CASE("top off a terminal prints one frame") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const auto ended = run(nest, {"top"});
  CHECK(ended.code == 0);
  CHECK(contains(ended.out, "1 kernel, 1 idle"));
  CHECK(contains(ended.out, "work"));
  CHECK_FALSE(contains(ended.out, "\x1b"));
}

TEST_CASE("top shows kernels as they come and go, and gives the terminal back at q") {
  const Nest nest;
  const RunningBroker broker(nest);
  Oast top(nest, {"top"}, On::terminal);
  top.wait_for("\x1b[?1049h");
  top.wait_for("0 kernels");
  start_kernel(nest, "work");
  top.wait_for("work");
  Oast busy(nest, {"eval", "--to", "work", "print('running') while true do end"});
  busy.wait_for("running");
  top.wait_for("1 busy");
  REQUIRE(run(nest, {"kill", "work"}).code == 0);
  CHECK(busy.end().code == 3);
  top.wait_for("1 dead");
  top.send("q");
  top.wait_for("\x1b[?1049l");
  CHECK(top.end().code == 0);
}
