// A broker whose system calls and memory fail: its posix_spawn hangs, as it does on a program on a
// disk that is slow or gone, epoll takes no more, and memory runs short.
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <new>
#include <thread>

#include "broker_fixture.hpp"

using namespace oast;
using namespace oast::test;

namespace {

std::atomic<int> hanging = 0;  // calls that wait
std::atomic<int> spawned = 0;
std::atomic<bool> hang = false;
std::atomic<int> refuse_with = 0;  // errno

/// epoll_ctl refuses to watch a pipe, which only the stderr of a kernel is.
std::atomic<bool> refuse_pipes = false;
std::atomic<int> watched = 0;  // by the same epoll, as many as there were before the refused one
std::atomic<bool> starve_at_end = false;  // operator new fails once after the next waitid
thread_local bool starve = false;

/// In its arguments, as oast-launch has the working directory.
bool any_process_names(const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    // Unlike an iterator, getline does not throw when the process goes meanwhile.
    for (std::string word; std::getline(file, word, '\0');)
      if (word.find(text) != std::string::npos) return true;
  }
  return false;
}

/// posix_spawn hangs while this lives.
struct Hang {
  Hang() { hang = true; }
  ~Hang() { release(); }
  Hang(const Hang&) = delete;
  Hang& operator=(const Hang&) = delete;
  static void wait() {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    while (hanging == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    REQUIRE(hanging > 0);
  }
  static void release() { hang = false; }
};

}  // namespace

/// In the place of the C library's.
extern "C" int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                           const posix_spawnattr_t* attributes, char* const* argv,
                           char* const* envp) {
  static const auto real =
      reinterpret_cast<decltype(&::posix_spawn)>(::dlsym(RTLD_NEXT, "posix_spawn"));
  ++hanging;
  while (hang) ::usleep(1000);
  --hanging;
  if (refuse_with != 0) return refuse_with;
  const int error = real(pid, path, actions, attributes, argv, envp);
  if (error == 0) ++spawned;
  return error;
}

extern "C" int epoll_ctl(int epoll, int what, int fd, epoll_event* event) {
  static const auto real =
      reinterpret_cast<decltype(&::epoll_ctl)>(::dlsym(RTLD_NEXT, "epoll_ctl"));
  static thread_local int last_added = -1;
  struct stat info {};
  if (refuse_pipes && what == EPOLL_CTL_ADD && ::fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) {
    refuse_pipes = false;
    watched = last_added;
    errno = ENOSPC;
    return -1;
  }
  const int result = real(epoll, what, fd, event);
  if (result == 0 && what == EPOLL_CTL_ADD) last_added = fd;
  if (result == 0 && what == EPOLL_CTL_DEL && fd == watched) watched = -1;
  return result;
}

extern "C" int waitid(idtype_t type, id_t id, siginfo_t* info, int options) {
  static const auto real = reinterpret_cast<decltype(&::waitid)>(::dlsym(RTLD_NEXT, "waitid"));
  const int result = real(type, id, info, options);
  if (starve_at_end.exchange(false)) starve = true;
  return result;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Which sanitizers have of their own. Not inlined: the compiler takes malloc and delete for a
// mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (std::exchange(starve, false)) throw std::bad_alloc();
  if (void* memory = std::malloc(size)) return memory;  // NOLINT
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }  // NOLINT
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}  // NOLINT
#endif

TEST_CASE("P4: a broker ends while a spawn hangs, and its kernel ends once it is there") {
  const int before = spawned;
  std::string cwd;
  {
    const Hang hung;
    auto gone = std::async(std::launch::async, [&] {
      BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})});
      auto host = f.host();
      auto message = start_message("mute");
      cwd = message.cwd = f.scratch.path();
      send(host.control, PeerId{}, 1, message);
      Hang::wait();
    });
    CHECK(gone.wait_for(kGenerous) == std::future_status::ready);
  }
  const auto until = [](const auto& fact) {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    // In a row: between fork and exec a process has no name of its own yet.
    int held = 0;
    while (held < 20 && std::chrono::steady_clock::now() < deadline) {
      held = fact() ? held + 1 : 0;
      std::this_thread::yield();
    }
    CHECK(held == 20);
  };
  until([&] { return spawned > before; });
  until([&] { return !any_process_names(cwd); });
}

TEST_CASE("P4: a start whose process cannot be watched leaves no watch of it behind") {
  BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})});
  auto host = f.host();
  watched = -1;
  refuse_pipes = true;
  send(host.control, PeerId{}, 1, start_message("mute"));
  CHECK(failure_of(next_answer(host.control)).kind == oast::FailureKind::overloaded);
  send(host.control, PeerId{}, 2, wire::ListT{});  // its end came before
  next_answer(host.control);
  CHECK(!refuse_pipes);
  CHECK(watched == -1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("P9: a death is told also when memory ran short as it was found out") {
  BrokerFixture f({spec("brief", {"/bin/false"})});
  auto host = f.host();
  starve_at_end = true;
  send(host.control, PeerId{}, 1, start_message("brief"));
  const Failure why = failure_of(next_answer(host.control));
  CHECK(!starve_at_end);
  CHECK(why.message.find("exited with code 1") != std::string::npos);
}
#endif

TEST_CASE("P4: a spawn that hangs holds nobody up, and its start can be taken back") {
  BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})});
  auto host = f.host();
  auto other = f.host();
  {
    const Hang hung;
    send(host.control, PeerId{}, 1, start_message("mute"));
    Hang::wait();
    send(other.control, PeerId{}, 2, wire::ListT{});
    const auto answer = next_answer(other.control);
    REQUIRE(answer.packet.root().body_as_Listing() != nullptr);
    wire::InterruptT interrupt;
    interrupt.request = 1;
    send(host.control, PeerId{}, 3, interrupt);
    const auto interrupted = next_answer(host.control);
    REQUIRE(interrupted.packet.root().body_as_Interrupted() != nullptr);
    CHECK(interrupted.packet.root().body_as_Interrupted()->outcome() ==
          wire::InterruptOutcome::cancelled);
    const Failure why = failure_of(next_answer(host.control));
    CHECK(why.kind == oast::FailureKind::kernel_died);
    CHECK(why.message.find("its start was interrupted") != std::string::npos);
  }
}

TEST_CASE("P4: a start whose spawn hangs fails by its deadline") {
  auto clock = std::make_shared<ManualClock>();
  BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})}, clock);
  auto host = f.host();
  const Hang hung;
  auto message = start_message("mute");
  message.timeout_ms = 3000;
  send(host.control, PeerId{}, 1, message);
  Hang::wait();
  clock->advance(std::chrono::milliseconds(3001));
  CHECK(failure_of(next_answer(host.control)).kind == oast::FailureKind::timeout);
}

TEST_CASE("P3: a kernel whose host left while it was spawned ends once it is") {
  BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})});
  const int before = spawned;
  auto other = f.host();
  {
    const Hang hung;
    auto host = f.host();
    auto message = start_message("mute");
    message.cwd = f.scratch.path();
    send(host.control, PeerId{}, 1, message);
    Hang::wait();
    send(host.control, PeerId{}, 0, wire::GoodbyeT{});
    // Dead for everybody: its name is free.
    for (bool dead = false; !dead;) {
      send(other.control, PeerId{}, 2, wire::ListT{});
      const auto answer = next_answer(other.control);
      const auto* listing = answer.packet.root().body_as_Listing();
      REQUIRE(listing != nullptr);
      REQUIRE(listing->kernels()->size() == 1);
      dead = listing->kernels()->Get(0)->state() == wire::KernelState::dead;
    }
  }
  const auto until = [](const auto& fact) {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
    // In a row: between fork and exec a process has no name of its own yet.
    int held = 0;
    while (held < 20 && std::chrono::steady_clock::now() < deadline) {
      held = fact() ? held + 1 : 0;
      std::this_thread::yield();
    }
    CHECK(held == 20);
  };
  until([&] { return spawned > before; });
  until([&] { return !any_process_names(f.scratch.path().string()); });
}

TEST_CASE("A spawn that the system refuses fails the start as overloaded, or as what it is") {
  BrokerFixture f({spec("mute", {"/bin/sleep", "1000"})});
  auto host = f.host();
  const auto kind_with = [&](int error) {
    refuse_with = error;
    send(host.control, PeerId{}, 1, start_message("mute"));
    const Failure why = failure_of(next_answer(host.control));
    refuse_with = 0;
    CHECK(why.message.find("posix_spawn of oast-launch") != std::string::npos);
    return why.kind;
  };
  CHECK(kind_with(EMFILE) == oast::FailureKind::overloaded);
  CHECK(kind_with(EAGAIN) == oast::FailureKind::overloaded);
  CHECK(kind_with(ENOEXEC) == oast::FailureKind::kernel_died);
}
