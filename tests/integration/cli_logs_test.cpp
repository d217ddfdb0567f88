// What a kernel has said, told again: oast logs, wait, attach and eval --no-wait.
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "cli_fixture.hpp"
#include "process.hpp"

using namespace oast::test;

namespace {

/// Sends it and leaves: its label.
std::string sent(const Nest& nest, const std::string& kernel, const std::string& code) {
  const auto ended = run(nest, {"eval", "--to", kernel, "--no-wait", code});
  INFO(ended.err);
  REQUIRE(ended.code == 0);
  REQUIRE(ended.out.size() > 3);
  return ended.out.substr(0, ended.out.size() - 1);
}

std::string lines(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a request that nobody waits for is waited for later, and ends as eval would") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const auto value = sent(nest, "work", "print('row') return {6 * 7, 'x'}");
  const auto error = sent(nest, "work", "print('before') error('boom')");
  for (int again = 0; again < 2; ++again) {
    const auto waited = run(nest, {"wait", "work", value});
    CHECK(waited.code == 0);
    CHECK(waited.out == "row\n{42, \"x\"}\n");
    const auto failed = run(nest, {"wait", "work", error});
    CHECK(failed.code == 1);
    CHECK(failed.out == "before\n");
    CHECK(contains(failed.err, "boom"));
  }
  // Whether or not it has failed before the command has left.
  for (int i = 0; i < 30; ++i) sent(nest, "work", "error('boom')");
  const auto died = sent(nest, "work", "print('last') os.exit(3)");
  const auto id = std::to_string(kernel_row(nest, "work").at("id").get<int>());
  const auto waited = run(nest, {"wait", id, died});
  CHECK(waited.code == 3);
  CHECK(waited.out == "last\n");
  CHECK(contains(run(nest, {"logs", id}).err, "exited with code 3"));
}

TEST_CASE("a log has every byte that was written, also when the terminal is gone") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  {
    Oast eval(nest, {"eval", "--to", "work", "for i = 1, 50000 do print(i) end io.write('\\xff')"});
    eval.wait_for("\n100\n");
    eval.signal(SIGKILL);
    CHECK(eval.end().code == 128 + SIGKILL);
  }
  std::string log;
  eventually(
      [&] {
        log = run(nest, {"logs", "work"}).out;
        return log.ends_with('\xff');
      },
      "the end of the log");
  CHECK(log == lines(1, 50000) + '\xff');
  const auto last = kernel_row(nest, "work").at("log_last").get<std::uint64_t>();
  CHECK(run(nest, {"logs", "work", "--from", std::to_string(last + 1)}).out.empty());
}

TEST_CASE("P4: a reader that is stopped holds its kernel back, nobody else, and misses nothing") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  start_kernel(nest, "other");
  Oast eval(nest, {"eval", "--to", "work", "for i = 1, 1e6 do print(i) end"});
  eval.wait_for("\n10\n");
  eval.signal(SIGSTOP);
  eventually([&] { return !kernel_row(nest, "work").at("held_by").is_null(); }, "it is held back");
  CHECK(kernel_row(nest, "work").at("unacknowledged_bytes").get<std::uint64_t>() < 5U << 20);
  CHECK(contains(run(nest, {"ps"}).out, "held by"));
  CHECK(run(nest, {"eval", "--to", "other", "1 + 1"}).out == "2\n");
  eval.signal(SIGCONT);
  const auto ended = eval.end();
  CHECK(ended.code == 0);
  CHECK(ended.out == lines(1, 1'000'000));
  CHECK(kernel_row(nest, "work").at("held_by").is_null());
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep freed memory
TEST_CASE("P4: a flood at a stopped reader takes no memory of broker or kernel, and none is lost") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  start_kernel(nest, "other");
  const auto broker_before = resident_bytes(broker.pid());
  const auto kernel_before = kernel_row(nest, "work").at("rss_bytes").get<std::uint64_t>();
  // 200 MB, which go nowhere before the reader goes on.
  Oast eval(nest, {"eval", "--to", "work",
                   "local s = ('x'):rep(199) for i = 1, 1e6 do io.write(s, '\\n') end"});
  eval.wait_for("x\n");
  eval.signal(SIGSTOP);
  eventually([&] { return !kernel_row(nest, "work").at("held_by").is_null(); }, "it is held back");
  for (int i = 0; i < 20; ++i) CHECK(run(nest, {"eval", "--to", "other", "1 + 1"}).out == "2\n");
  constexpr std::uint64_t kWindow = 4U << 20;
  CHECK(resident_bytes(broker.pid()) < broker_before + 4 * kWindow);
  CHECK(kernel_row(nest, "work").at("rss_bytes").get<std::uint64_t>() <
        kernel_before + 4 * kWindow);
  eval.signal(SIGCONT);
  const auto ended = eval.end();
  CHECK(ended.code == 0);
  CHECK(ended.out.size() == 200'000'000);
  CHECK(resident_bytes(broker.pid()) < broker_before + 4 * kWindow);
}
#endif

TEST_CASE("P10: an interrupt ends a print that waits for a reader") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  Oast eval(nest, {"eval", "--to", "work", "while true do print('x') end"});
  eval.wait_for("x\n");
  eval.signal(SIGSTOP);
  eventually([&] { return !kernel_row(nest, "work").at("held_by").is_null(); }, "it is held back");
  CHECK(run(nest, {"interrupt", "work"}).out == "interrupted\n");
  eval.signal(SIGCONT);
  CHECK(eval.end().code == 130);
}

TEST_CASE("logs --follow and attach show what a kernel says from now on") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"eval", "--to", "work", "print('early')"}).code == 0);
  Oast logs(nest, {"logs", "work", "--follow"});
  logs.wait_for("early\n");
  Oast attached(nest, {"attach", "work"});
  attached.send("print('typed') return 5\n");
  CHECK(attached.wait_for("5\n") == "typed\n");
  logs.wait_for("typed\n");
  CHECK(run(nest, {"eval", "--to", "work", "print('later')"}).code == 0);
  attached.wait_for("later\n");
  logs.wait_for("later\n");
  CHECK(attached.end().code == 0);
  logs.signal(SIGINT);
  CHECK(logs.end().code == 130);
  CHECK(kernel_row(nest, "work").at("state") == "idle");
}

TEST_CASE("attach shows what was piped to it to the end") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const auto ended = run(nest, {"attach", "work"}, "print('typed')\nreturn 6 * 7\nerror('boom')\n");
  CHECK(ended.code == 0);
  CHECK(ended.out == "typed\n42\n");
  CHECK(contains(ended.err, "boom"));
  CHECK(run(nest, {"attach", "work"}, "").code == 0);
  CHECK(run(nest, {"attach", "work"}, "os.exit(3)\n").code == 0);
}

TEST_CASE("a request is waited for by its kernel's name, and interrupted by its label") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  const auto runs = sent(nest, "work", "while true do end");
  const auto queued = sent(nest, "work", "print('never')");
  CHECK(run(nest, {"interrupt", "work", "--request", queued}).out == "cancelled\n");
  CHECK(run(nest, {"interrupt", "work", "--request", runs}).out == "interrupted\n");
  const auto died = sent(nest, "work", "print('last') os.exit(3)");
  eventually([&] { return kernel_row(nest, "work").at("state") == "dead"; }, "it is dead");
  const auto waited = run(nest, {"wait", "work", died});
  CHECK(waited.code == 3);
  CHECK(waited.out == "last\n");
  CHECK(contains(run(nest, {"wait", "other", died}).err, "no kernel `other`"));
}

TEST_CASE("a signal ends what shows a log to nobody who reads") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(run(nest, {"eval", "--to", "work", "print(('x'):rep(1000000))"}).code == 0);
  for (const Words& command : {Words{"logs", "work"}, Words{"logs", "work", "--json"},
                               Words{"attach", "work", "--from", "1"}})
    for (const int signal : {SIGINT, SIGTERM}) {
      Oast shown(nest, command);
      shown.wait_for("xxx");
      shown.stop_reading();
      shown.signal(signal);
      CHECK(shown.end().code == 128 + signal);
    }
}

TEST_CASE("nonsense about logs is refused with what would be right") {
  const Nest nest;
  const RunningBroker broker(nest);
  start_kernel(nest, "work");
  CHECK(contains(run(nest, {"logs", "nobody"}).err, "there is work"));
  CHECK(contains(run(nest, {"logs", "99"}).err, "no log of a kernel 99"));
  CHECK(contains(run(nest, {"wait", "work", "x"}).err, "HOST:NUMBER"));
  CHECK(contains(run(nest, {"wait", "work", "9:9"}).err, "no reply of a request 9:9"));
  CHECK(contains(run(nest, {"eval", "--no-wait", "1"}).err, "--to"));
  CHECK(run(nest, {"logs", "work", "--from", "0"}).code == 2);
}
