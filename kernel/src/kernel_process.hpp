// A kernel process without its language.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <zmq.hpp>

#include "control.hpp"
#include "dispatcher.hpp"
#include "launch_details.hpp"
#include "oast/dial.hpp"
#include "oast/fd.hpp"
#include "services.hpp"
#include "shared.hpp"

namespace oast::kernel {

/// Stdin for this process alone: what runs in it, and its children, read nothing. Returns what it
/// was. Throws std::system_error.
Fd take_stdin();

/// The parts of the runtime, put together. What pulls requests out of it and answers them is
/// `run_kernel` or, behind the C ABI, another language; both on the engine's thread, which is the
/// one that makes this object.
class KernelProcess {
 public:
  struct Options {
    /// Interrupts the engine, which has a handler for it; 0: nothing does. Absent: SIGUSR1, whose
    /// handler is the runtime's and calls Engine::interrupt.
    std::optional<int> interrupt_signal = std::nullopt;
    /// Called on the control thread once for each request that was interrupted.
    std::function<void()> on_interrupt = {};
    bool separate_queries = false;
    bool separate_lanes = false;
  };

  /// Takes over descriptors 1 and 2, and signals.
  explicit KernelProcess(Options options);
  /// What was sent leaves while the sockets linger.
  ~KernelProcess();
  KernelProcess(const KernelProcess&) = delete;
  KernelProcess& operator=(const KernelProcess&) = delete;

  /// Registers. Blocks, at most 30 s. Throws Error.
  void connect(const LaunchDetails& details, Fd launcher);

  RuntimeServices& services() { return services_; }
  Shared& shared() { return shared_; }
  /// Async-signal-safe, thread-safe.
  int interrupted() const noexcept { return shared_.gate.interrupted(); }
  /// As InterruptGate's.
  void interrupts_raised(int count) noexcept { shared_.gate.raised(count); }

  /// Begins the next request, which must be answered before the next call. Blocks; nothing when the
  /// kernel shall end.
  std::optional<Request> next();

  enum class Why : unsigned char { request, timeout, signalled, ended };
  struct Next {
    Why why = Why::request;
    std::optional<Request> request = std::nullopt;
  };
  /// The same, at most for `timeout`, and until a signal handler ran on this thread.
  Next next_within(std::optional<std::chrono::milliseconds> timeout);
  /// The same for queries that are kept separate, on another thread, which no signal wakes.
  Next next_query(std::optional<std::chrono::milliseconds> timeout);
  struct NextOfLanes {
    Why why = Why::request;  ///< signalled: one of them was interrupted
    std::optional<Lanes::Begun> begun = std::nullopt;
  };
  /// Begins the next request of a free lane other than 0, or says that one of those was
  /// interrupted. On one other thread.
  NextOfLanes next_of_lanes(std::optional<std::chrono::milliseconds> timeout);
  /// See oast_kernel_fd.
  int fd();

  /// Blocks while the outbox has no room, unless the request is interrupted or the kernel shall
  /// end.
  void answer(const Request& request, wire::Packet reply);
  /// The same for a request of next_of_lanes. On any thread.
  void answer(const Request& request, LaneRun& run, wire::Packet reply);
  /// On the thread of next_query. Does not block.
  void answer_query(const Request& query, wire::Packet reply);

  /// Sends what is buffered, and ends the process. Any thread.
  [[noreturn]] void leave(int code);
  /// A thread is in `leave`.
  bool leaving() const noexcept { return leaving_; }

 private:
  std::optional<Request> take();
  void disconnect();

  const Options options_;
  zmq::context_t context_ = wire::make_context();
  Shared shared_;
  Dispatcher dispatcher_{shared_};
  RuntimeServices services_{shared_, [this](int code) { leave(code); }};
  std::unique_ptr<Control> control_;
  bool others_receive_ = false;
  std::atomic<bool> leaving_ = false;
};

}  // namespace oast::kernel
