// A kernel's one way out: numbers without gaps, and waiting where output is produced.
#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel_driver.hpp"
#include "outbox.hpp"
#include "toy_kernel.hpp"

namespace oast::test {

namespace {

using namespace std::chrono_literals;

const std::string kC = OAST_C_KERNEL;
const std::string kLua = OAST_LUA_KERNEL;
constexpr std::size_t kWindow = 1 << 20;
/// A chunk of output and the Message around it.
constexpr std::size_t kRecord = 16 * 1024 + 256;

/// Nothing is acknowledged before the test says so.
KernelDriver::Options held_back(std::uint64_t window_bytes = kWindow) {
  KernelDriver::Options options;
  options.window_bytes = window_bytes;
  options.acknowledge = false;
  return options;
}

wire::Packet result(std::size_t size = 1) {
  wire::Writer writer;
  const auto value = writer.value(Value(std::string(size, 'v')));
  return writer.finish(RequestId{1}, wire::CreateResult(writer.builder(), value),
                       wire::kNumberLater);
}

bool within_window(const KernelDriver& hub) {
  INFO(hub.record_bytes());
  return hub.record_bytes() >= kWindow && hub.record_bytes() < kWindow + kRecord;
}

std::chrono::steady_clock::duration time_to(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - begin;
}

}  // namespace

TEST_CASE("Outbox: records are numbered in the order in which they leave, whoever sends them") {
  std::vector<std::uint64_t> numbers;
  kernel::Outbox outbox([&](PeerId, const wire::Packet& packet) {
    numbers.push_back(packet.root().number());  // under the outbox's lock
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) outbox.send(PeerId{1}, result());
    });
  for (auto& thread : threads) thread.join();
  REQUIRE(numbers.size() == 20'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(numbers[i] == i + 1);
}

TEST_CASE("Outbox: there is room while less than the window is unacknowledged") {
  kernel::Outbox outbox([](PeerId, const wire::Packet&) {});
  const std::size_t size = result(1000).bytes();
  outbox.limit(3 * size);
  for (int i = 0; i < 3; ++i) {
    CHECK(outbox.room());
    outbox.send(PeerId{1}, result(1000));
  }
  CHECK_FALSE(outbox.room());
  CHECK_FALSE(outbox.acknowledged(0));
  CHECK_FALSE(outbox.room());
  CHECK(outbox.acknowledged(1));
  CHECK(outbox.room());
  outbox.send(PeerId{1}, result(1000));
  outbox.send(PeerId{1}, result(1000));
  CHECK_FALSE(outbox.room());
  CHECK_FALSE(outbox.acknowledged(1));
  CHECK_FALSE(outbox.acknowledged(2));  // three are left
  CHECK(outbox.acknowledged(~std::uint64_t{0}));
  CHECK_FALSE(outbox.acknowledged(5));
  CHECK(outbox.room());
}

TEST_CASE("Outbox: buffers count, and without a window nothing does") {
  kernel::Outbox outbox([](PeerId, const wire::Packet&) {});
  for (const std::size_t window : {std::size_t{0}, std::size_t{1} << 20}) {
    outbox.limit(window);
    wire::Writer writer;
    const auto value = writer.value(Value(Buffer::copy_of(std::string(2 << 20, 'b'))));
    auto packet = writer.finish(RequestId{1}, wire::CreateResult(writer.builder(), value),
                                wire::kNumberLater);
    CHECK(packet.message.size() < 1000);
    outbox.send(PeerId{1}, std::move(packet));
    CHECK(outbox.room() == (window == 0));
  }
}

TEST_CASE("Outbox: messages that are still somewhere count as unsent") {
  std::vector<wire::Packet> kept;
  kernel::Outbox outbox([&](PeerId, wire::Packet packet) { kept.push_back(std::move(packet)); });
  outbox.send(PeerId{1}, result(100));
  CHECK(outbox.unsent() == 1);
  kept.clear();
  CHECK(outbox.unsent() == 0);
}

TEST_CASE("all that a kernel says has one sequence of numbers, whichever threads say it") {
  KernelDriver hub(kToy);  // which looks at every number
  const auto channel = hub.run("channel 1000").value().as<std::uint64_t>();
  const auto flood = hub.eval("flood 3000000\nraw end");
  for (int i = 0; i < 200; ++i) {
    wire::ChannelReadyT ready;
    ready.channel = channel;
    CHECK(hub.await(hub.send(ready)).is_result());
    CHECK(hub.await(hub.send(wire::ListT{})).failure().kind == FailureKind::unimplemented);
  }
  CHECK(hub.await(flood).out.size() == 3'000'003);
}

TEST_CASE("P4: output that nobody acknowledges stops at the window and one record") {
  constexpr std::size_t kFlood = 40'000'000;
  const auto size = std::to_string(kFlood);
  for (const std::string& code :
       {"flood " + size, "system head -c " + size + " /dev/zero | tr '\\0' x"}) {
    CAPTURE(code);
    KernelDriver hub(kToy, held_back());
    [[maybe_unused]] const auto before = hub.ping().usage->rss_bytes;
    const auto id = hub.eval(code);
    // Child processes may take their time.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (hub.record_bytes() < kWindow && std::chrono::steady_clock::now() < deadline) {
      hub.ping();
      hub.came(id);
    }
    CHECK(hub.stands_still(id));
    CHECK(hub.record_bytes() >= kWindow);
    CHECK(hub.record_bytes() < kWindow + kRecord);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(hub.ping().usage->rss_bytes < before + 8 * kWindow);
#endif
    // Half of it is half the room.
    hub.acknowledge(hub.records() / 2);
    CHECK(hub.stands_still(id));
    CHECK(hub.record_bytes() > kWindow + kWindow / 3);
    CHECK(hub.record_bytes() < kWindow + kWindow * 3 / 4);
    hub.acknowledge_all();
    const auto answer = hub.await(id);
    CHECK(answer.is_result());
    CHECK(answer.out.size() == kFlood);
    CHECK(answer.out.find_first_not_of("x\n") == std::string::npos);
  }
}

TEST_CASE("P6: while a print waits, heartbeats, channels and refusals go on") {
  KernelDriver hub(kToy, held_back());
  const auto channel = hub.run("channel 1").value().as<std::uint64_t>();
  const auto id = hub.eval("flood 10000000");
  CHECK(hub.stands_still(id));
  for (int i = 0; i < 50; ++i) {
    CHECK(hub.ping().usage->request == id.value);
    wire::ChannelTakeT take;
    take.channel = channel;
    const auto taken = hub.send(take);
    wire::ChannelPutT put;
    put.channel = channel;
    put.value = std::make_unique<wire::ValueT>();
    CHECK(hub.await(hub.send(put)).is_result());
    CHECK(hub.await(taken).is_result());
  }
  CHECK(hub.ping().usage->request == id.value);
}

TEST_CASE("P10: an interrupt ends a print that waits, at once, and the next request is answered") {
  for (const std::string& program : {kToy, kC}) {
    CAPTURE(program);
    KernelDriver hub(program, held_back());
    const auto id = hub.eval("flood 10000000");
    CHECK(hub.stands_still(id));
    CHECK(time_to([&] {
            CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
            CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
          }) < 1s);
    const auto next = hub.eval("print after");
    hub.until_running(next);  // there is no room still
    hub.acknowledge_all();
    CHECK(hub.await(next).out == "after");
  }
}

TEST_CASE(
    "Lua: whatever writes waits, an interrupt ends it, and nothing of it is lost or comes late") {
  for (const std::string code :
       {"print(('x'):rep(50))", "io.write(('x'):rep(50), '\\n')", "io.stderr:write('x\\n')",
        "io.stdout:setvbuf('full', 4000) io.write(('x'):rep(50), '\\n')", "warn('@on') warn('x')",
        "pcall(print, 'x')"}) {
    CAPTURE(code);
    KernelDriver hub(kLua, held_back());
    const auto id = hub.eval("while true do " + code + " end");
    CHECK(hub.stands_still(id));
    CHECK(hub.record_bytes() < kWindow + kRecord);
    hub.interrupt(1);
    CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
    hub.acknowledge_all();
    const auto next = hub.run("io.stdout:setvbuf('no') io.write('\\xFF\\0')");
    CHECK(next.out == std::string("\xFF\0", 2));
    CHECK(next.err.empty());
  }
}

TEST_CASE("Lua: output that nobody acknowledges waits, and arrives whole when somebody does") {
  for (const std::string write : {"print(i)", "io.write(i, '\\n')"}) {
    KernelDriver hub(kLua, held_back());
    const auto id =
        hub.eval("io.stdout:setvbuf('full', 100) for i = 1, 300000 do " + write + " end");
    CHECK(hub.stands_still(id));
    hub.acknowledge_all();
    std::string all;
    for (int i = 1; i <= 300'000; ++i) all += std::to_string(i) + "\n";
    CHECK(hub.await(id).out == all);
  }
}

TEST_CASE("P10: an interrupt ends what a child that waits to write was started for") {
  KernelDriver hub(kToy, held_back());
  const auto id = hub.eval("system exec cat /dev/zero");
  CHECK(hub.stands_still(id));
  CHECK(within_window(hub));
  hub.interrupt(1);
  CHECK(hub.await(id).is_result());  // what system(3) says of it
}

TEST_CASE("the end of a kernel ends a print that waits, and its request is answered") {
  for (const std::string& program : {kToy, kC}) {
    CAPTURE(program);
    KernelDriver hub(program, held_back());
    const auto id = hub.eval("flood 10000000");
    CHECK(hub.stands_still(id));
    hub.shutdown();
    CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
    CHECK(hub.wait_exit() == 0);
  }
}

TEST_CASE("a terminal reply waits for room, unless its request is interrupted") {
  for (const bool interrupted : {false, true}) {
    CAPTURE(interrupted);
    KernelDriver hub(kToy, held_back(60'000));
    const auto id = hub.eval("print " + std::string(64 * 1024, 'x'));  // whole records
    CHECK(hub.stands_still(id));
    CHECK(hub.records() == 4);
    if (interrupted)
      CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
    else
      hub.acknowledge(1);
    CHECK(hub.await(id).is_result());
  }
}

TEST_CASE("an interrupt does not end the print of another thread, the kernel's end does") {
  KernelDriver hub(kC, held_back());
  const auto flood = hub.eval("background");
  while (hub.record_bytes() < kWindow) hub.next(flood);
  const auto id = hub.eval("spin");
  CHECK(hub.stands_still(id));
  CHECK(hub.record_bytes() < kWindow + kRecord + 512);  // and the reply
  hub.interrupt(0);
  CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
  const auto asked = hub.eval("ended");
  hub.until_running(asked);  // waits to reply
  hub.interrupt(0);
  CHECK(hub.await(asked).value() == Value(std::int64_t{0}));
  hub.shutdown();
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE("a kernel of a broker without flow control waits for nobody") {
  KernelDriver hub(kToy, held_back(0));
  CHECK(hub.run("flood 20000000").out.size() == 20'000'000);
}

}  // namespace oast::test
