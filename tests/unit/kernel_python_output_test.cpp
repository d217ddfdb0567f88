// What code prints in a Python kernel, with the test as its broker: flow control and bytes.
#include <doctest/doctest.h>

#include <string>

#include "kernel_driver.hpp"

namespace oast::test {

namespace {

const std::string kPython = OAST_PYTHON_KERNEL;
constexpr std::size_t kPythonWindow = 1 << 20;

KernelDriver::Options python_held_back() {
  KernelDriver::Options options;
  options.window_bytes = kPythonWindow;
  options.acknowledge = false;
  return options;
}

std::string every_byte() {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  return all;
}

}  // namespace

TEST_CASE("Python: every byte arrives as it was written") {
  KernelDriver hub(kPython);
  CHECK(hub.run("import os, sys\nn = sys.stdout.buffer.write(bytes(range(256)))").out ==
        every_byte());
  CHECK(hub.run("n = os.write(1, bytes(range(256)))").out == every_byte());
  CHECK(hub.run("n = sys.stderr.buffer.write(b'\\xff')").err == "\xFF");
  CHECK(hub.run("print('\\u20ac', end='')").out == "\u20ac");
}

TEST_CASE("Python: output that nobody acknowledges stops at the window, and none of it is lost") {
  KernelDriver hub(kPython, python_held_back());
  const auto id = hub.eval("for i in range(300_000): print(i)");
  CHECK(hub.stands_still(id));
  CHECK(hub.record_bytes() < kPythonWindow + 17'000);
  hub.acknowledge_all();
  std::string all;
  for (int i = 0; i < 300'000; ++i) all += std::to_string(i) + "\n";
  CHECK(hub.await(id).out == all);
}

TEST_CASE("Python: an interrupt is a KeyboardInterrupt in a print that waits") {
  KernelDriver hub(kPython, python_held_back());
  const auto id = hub.eval("while True: print('x' * 50)");
  CHECK(hub.stands_still(id));
  CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
  auto answer = hub.await(id);
  CHECK(answer.failure().kind == FailureKind::interrupted);
  CHECK(answer.failure().type == "KeyboardInterrupt");
  hub.acknowledge_all();
  CHECK(hub.run("print('on')").out == "on\n");
}

TEST_CASE("Python: code that catches the interrupt prints on when there is room") {
  KernelDriver hub(kPython, python_held_back());
  const auto id = hub.eval(
      "try:\n  while True: print('x' * 50)\nexcept KeyboardInterrupt:\n  print('caught')\n5");
  CHECK(hub.stands_still(id));
  CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
  CHECK(hub.stands_still(id));  // its print waits
  hub.acknowledge_all();
  auto answer = hub.await(id);
  CHECK(answer.out.ends_with("caught\n"));
  CHECK(answer.value() == Value(5));
}

TEST_CASE("Python: a thread whose print waits keeps no other from running, nor from an interrupt") {
  KernelDriver hub(kPython, python_held_back());
  const auto id = hub.eval(
      "import threading\n"
      "def flood():\n  while True: print('x' * 50)\n"
      "threading.Thread(target=flood, daemon=True).start()\n"
      "n = 0\n"
      "while True: n += 1");
  CHECK(hub.stands_still(id));
  CHECK(hub.interrupt(1).state == wire::BreakState::signalled);
  CHECK(hub.await(id).failure().kind == FailureKind::interrupted);
  const auto counted = hub.eval("n");
  hub.until_running(counted);  // computes it, or waits for room to reply
  hub.interrupt(2);
  const auto answer = hub.await(counted);
  const auto* failed = answer.reply.root().body_as_Failure();
  CHECK((failed == nullptr || failed->kind() == wire::FailureKind::interrupted));
  hub.shutdown();
  CHECK(hub.wait_exit() == 0);
}

TEST_CASE(
    "Python: the end of the kernel ends a print that waits, and what it prints then arrives") {
  KernelDriver hub(kPython, python_held_back());
  const auto id = hub.eval("try:\n  while True: print('x' * 50)\nfinally:\n  print('the end')");
  CHECK(hub.stands_still(id));
  hub.shutdown();
  const auto answer = hub.await(id);
  CHECK(answer.out.ends_with("the end\n"));
  CHECK(answer.failure().kind == FailureKind::interrupted);
  CHECK(hub.wait_exit() == 0);
}

}  // namespace oast::test
