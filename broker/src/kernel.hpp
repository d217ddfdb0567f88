// One kernel as its broker knows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "event_loop.hpp"
#include "kernel_records.hpp"
#include "kernel_state.hpp"
#include "launcher.hpp"
#include "oast/error.hpp"
#include "oast/ids.hpp"
#include "request_queue.hpp"

namespace oast::broker {

/// What is read of one process's stderr in one turn of the loop, which calls again.
inline constexpr std::size_t kStderrTurn = std::size_t{64} * 1024;
/// No pipe holds more; so much is read when the process has ended.
inline constexpr std::size_t kStderrRest = std::size_t{1} << 20;

/// The last lines of what a process wrote, at most 4 KiB.
class StderrTail {
 public:
  /// Reads what there is, at most about `bytes`; false at end of file.
  bool read_from(int fd, std::size_t bytes = kStderrTurn);
  /// Whole lines where possible.
  std::string text() const;

 private:
  std::string tail_;
};

/// States, and what moves between them: PROTOCOL.md, "A kernel as the broker sees it".
struct Kernel {
  Kernel(KernelId i, const Options& options)
      : id(i), queue(options.dispatch_window, options.queue_bytes) {}

  KernelId id;
  std::string name;
  std::string spec;
  PeerId owner;  ///< none: detached
  bool detached = false;
  std::shared_ptr<const wire::StartT> request;  ///< by which it was started
  std::string token;
  std::string host_token;  ///< with which its process may be a host, too

  KernelLife state;
  int pid = 0;
  Clock::TimePoint born;
  RequestQueue queue;
  std::shared_ptr<KernelRecords> records;  ///< nullptr until it joined
  std::unordered_set<PeerId> hosts;  ///< that have asked it something: its output may go there

  std::unique_ptr<Process> process;  ///< nullptr: it is just being started
  EventLoop::Handle exit_watch;
  EventLoop::Handle stderr_watch;
  StderrTail stderr_tail;

  std::optional<RequestKey> starter;  ///< waits for registration
  std::vector<RequestKey> stoppers;   ///< wait for its end
  EventLoop::Handle start_deadline;
  EventLoop::Handle stop_deadline;
  EventLoop::Handle lost_deadline;  ///< its connection broke
  EventLoop::Handle end_timer;      ///< its process is gone, or there was none
  Clock::TimePoint stop_due;        ///< when the stop ladder goes on
  bool terminated = false;          ///< SIGTERM was sent
  /// Why the broker ends it, if it does: the cause and a sentence.
  std::optional<std::pair<DeathCause, std::string>> intent;
  std::optional<Death> death;
  int asked_signal = 0;  ///< the last that somebody had it sent

  std::uint32_t restarts = 0;                  ///< kernels that came before, by its policy
  std::vector<Clock::TimePoint> restarted_at;  ///< those of the period, its own included
  KernelId successor;                          ///< started in its place

  // From heartbeats.
  RequestKey current;
  std::uint64_t current_ms = 0;
  std::uint64_t rss_bytes = 0;
  double cpu_seconds = 0;
  double round_trip_ms = -1;

  wire::KernelState published = wire::KernelState::starting;

  bool alive() const { return state != wire::KernelState::dead; }
  bool registered() const {
    return state != wire::KernelState::starting && state != wire::KernelState::dead;
  }
  /// Takes new requests.
  bool serving() const {
    return state == wire::KernelState::idle || state == wire::KernelState::busy ||
           state == wire::KernelState::unresponsive;
  }
};

/// For List, Kernel and events.
wire::KernelInfoT describe(const Kernel& kernel, Clock::TimePoint now);

/// All kernels, the recently dead included.
class KernelTable {
 public:
  Kernel& add(std::unique_ptr<Kernel> kernel);
  void remove(KernelId id) { kernels_.erase(id.value); }
  /// nullptr when there is none, also none that died recently.
  Kernel* find(KernelId id);
  /// Among the living.
  Kernel* by_name(const std::string& name);
  Kernel* by_token(const std::string& token);
  Kernel* by_host_token(std::string_view token);
  std::size_t living() const;
  template <class Visit>
  void each(Visit visit) {
    // Visitors may end kernels, but only timers and posted work remove them from the table.
    for (auto& [id, kernel] : kernels_) visit(*kernel);
  }

 private:
  std::map<std::uint64_t, std::unique_ptr<Kernel>> kernels_;
};

}  // namespace oast::broker
