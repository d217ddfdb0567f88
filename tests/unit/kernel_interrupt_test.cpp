// P10 at its root: the gate between interrupts and requests, with real signals and threads.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "oast/kernel/interrupt_gate.hpp"

namespace oast::kernel {

namespace {

using namespace std::chrono_literals;

std::atomic<InterruptGate*> the_gate = nullptr;
std::atomic<std::uint64_t> interrupts = 0;  // signals that found the flag
std::atomic<std::uint64_t> signals = 0;

void on_signal(int) {
  ++signals;
  if (const InterruptGate* gate = the_gate; gate != nullptr && gate->interrupted()) ++interrupts;
}

/// A gate whose engine is the thread that made it.
struct Gate : InterruptGate {
  Gate()
      : InterruptGate(::pthread_self(), SIGUSR2, [this](const RequestStart&) {
          ++children;
          return std::vector<pid_t>{};
        }) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGUSR2, &action, nullptr);
    interrupts = 0;
    signals = 0;
    the_gate = this;
  }
  ~Gate() { the_gate = nullptr; }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  std::atomic<int> children = 0;
};

const RequestKey kMe{PeerId{1}, RequestId{1}};

}  // namespace

TEST_CASE("an interrupt hits what runs if that is what it means, and is over with it") {
  Gate gate;
  CHECK_FALSE(gate.interrupt_any(9).has_value());
  gate.begin(1, kMe);
  CHECK_FALSE(gate.interrupt(2).has_value());
  CHECK_FALSE(gate.interrupt({PeerId{2}, RequestId{1}}).has_value());
  CHECK_FALSE(gate.interrupted());
  CHECK(gate.interrupt(1)->key == kMe);
  CHECK(gate.interrupted());
  gate.end();
  CHECK_FALSE(gate.interrupted());
  CHECK_FALSE(gate.interrupt(1).has_value());
  CHECK(interrupts == 1);
  CHECK(gate.children == 1);

  gate.begin(0, kMe);
  CHECK(gate.interrupt(kMe).has_value());
  gate.end();
  gate.begin(2, kMe);
  CHECK_FALSE(gate.interrupted());
  CHECK(gate.interrupt_any(2)->sequence == 2);
  gate.end();
}

TEST_CASE("an interrupted request is signalled again until it ends") {
  Gate gate;
  gate.begin(1, kMe);
  // The gate itself looks at the clock when it interrupts: between these two.
  const auto before = InterruptGate::Clock::now();
  gate.repeat(before + 1h);
  CHECK(signals == 0);
  gate.interrupt(1);
  const auto after = InterruptGate::Clock::now();
  gate.repeat(before + 1ms);
  CHECK(signals == 1);
  CHECK(gate.children == 1);
  gate.repeat(after + 1s);
  CHECK(signals == 2);
  CHECK(gate.children == 2);
  gate.repeat(after + 1s + 100ms);
  CHECK(signals == 3);
  CHECK(gate.children == 2);  // they are looked for less often
  gate.repeat(after + 2s);
  CHECK(signals == 4);
  CHECK(gate.children == 3);
  gate.end();
  gate.repeat(after + 1h);
  CHECK(signals == 4);
}

TEST_CASE("what was raised in the code is signalled no more, and a further interrupt is") {
  Gate gate;
  gate.begin(1, kMe);
  gate.interrupt(1);
  CHECK(gate.pending());
  gate.raised(1);
  CHECK_FALSE(gate.pending());
  CHECK(gate.interrupted() == 1);
  gate.repeat(InterruptGate::Clock::now() + 1h);
  CHECK(signals == 1);
  CHECK(gate.children == 1);
  gate.interrupt(1);
  CHECK(gate.pending());
  gate.repeat(InterruptGate::Clock::now() + 1h);
  CHECK(signals == 3);
  CHECK(gate.children == 3);
  gate.end();
  gate.begin(2, kMe);
  gate.interrupt(2);
  CHECK(gate.pending());
  gate.end();
}

TEST_CASE("P10: in ten thousand races no interrupt hits a later request") {
  Gate gate;
  std::atomic<std::uint64_t> now_running = 0;
  std::atomic<std::uint64_t> hits = 0;
  std::atomic<bool> stop = false;
  // Always aims at the request that it saw last, which may have ended meanwhile.
  std::thread attacker([&] {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (!stop) {
      const std::uint64_t target = now_running;
      if (target % 2 == 1 && gate.interrupt(target)) ++hits;
      gate.repeat(InterruptGate::Clock::now() + 1h);
    }
  });
  std::uint64_t wrongly_flagged = 0;
  std::uint64_t wrongly_signalled = 0;
  std::uint64_t sequence = 0;
  // Odd requests are attacked, and even ones, which follow at once, must not feel it.
  while (hits < 10'000) {
    now_running = ++sequence;
    gate.begin(sequence, kMe);
    for (int spin = 0; spin < 50 && !gate.interrupted(); ++spin) {
    }
    gate.end();
    gate.begin(++sequence, kMe);
    const auto before = signals.load();
    for (int spin = 0; spin < 50; ++spin)
      if (gate.interrupted()) ++wrongly_flagged;
    gate.end();
    if (signals != before) ++wrongly_signalled;
  }
  stop = true;
  attacker.join();
  CHECK(wrongly_flagged == 0);
  CHECK(wrongly_signalled == 0);
  CHECK(interrupts > 0);
}

}  // namespace oast::kernel
