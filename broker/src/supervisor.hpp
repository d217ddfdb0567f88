// Kernels' lives: started, registered, stopped, dead.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "events.hpp"
#include "id_source.hpp"
#include "kernel.hpp"
#include "last_data.hpp"
#include "logger.hpp"
#include "peer_sender.hpp"
#include "spec_reader.hpp"

namespace oast::broker {

class Supervisor {
 public:
  Supervisor(EventLoop& loop, const Options& options, IdSource& ids, KernelTable& kernels,
             PeerSender& sender, Events& events, LastData& last_data, Logger log);

  /// Where kernels are to dial.
  struct Home {
    std::string directory;
    std::string control;  ///< endpoints
    std::string data;
  };
  void set_home(Home home) { home_ = std::move(home); }
  /// Called once for every kernel that died, when its death is known and its process is gone.
  void on_death(std::function<void(Kernel&)> callback) { on_death_ = std::move(callback); }

  /// Called before that, when all that came over its connection was served: what it said and did
  /// not send is still to be read. True: some of it is left, and it is to be called again.
  void on_last_words(std::function<bool(Kernel&)> callback) {
    on_last_words_ = std::move(callback);
  }

  /// Answers `asker` when the kernel has registered, or why it did not.
  void start(const RequestKey& asker, std::shared_ptr<const wire::StartT> request);
  /// Ends the kernel that this Start is about to make; false when it has registered or died.
  bool take_back(const RequestKey& starter);
  /// The kernel is on control; its state stays `starting` until it joined data.
  void hello(Kernel& kernel, int pid);
  void registered(Kernel& kernel);

  struct Deadlines {
    std::chrono::milliseconds exit{15000};
    std::chrono::milliseconds term{15000};
  };
  /// The ladder. `cause` and `why` explain the death if nothing else was there first.
  void stop(Kernel& kernel, Deadlines deadlines, DeathCause cause, std::string why);
  /// SIGKILL to the whole tree.
  void kill(Kernel& kernel, DeathCause cause, std::string why);
  void signal(Kernel& kernel, int signal);
  void answer_when_dead(Kernel& kernel, const RequestKey& asker);
  /// Ends what belongs to a host that left.
  void owner_left(PeerId owner);

  /// Refuses starts from now on and stops all; `done` is called when no kernel lives.
  void stop_all(Deadlines deadlines, std::function<void()> done);

  void list_specs(const RequestKey& asker);

 private:
  std::unique_ptr<Kernel> make(std::shared_ptr<const wire::StartT> request, PeerId owner);
  void begin(std::unique_ptr<Kernel> made);
  void read_spec(KernelId id, const wire::StartT& request);
  void spec_read(KernelId id, const SpecReader::Recipe& recipe, bool timed);
  void spec_failed(KernelId id, const Failure& why);
  void start_within(Kernel& kernel, EventLoop::Duration time);
  /// What the kernel reads from its stdin.
  std::string details(const Kernel& kernel) const;
  void launch(KernelId id, LaunchPlan plan);
  void launched(KernelId id, std::unique_ptr<Process> process, std::optional<Failure> failure);
  void run(Kernel& kernel, std::unique_ptr<Process> process);
  void fail_launch(Kernel& kernel, const Failure& failure);
  void start_timed_out(Kernel& kernel);
  void climb(Kernel& kernel, std::chrono::milliseconds term);
  void exited(Kernel& kernel);
  void read_last_words(Kernel& kernel);
  void die(Kernel& kernel);
  void restart(Kernel& dead);
  void announce_death(Kernel& kernel);
  void forget_later(KernelId id);

  EventLoop& loop_;
  const Options& options_;
  IdSource& ids_;
  KernelTable& kernels_;
  PeerSender& sender_;
  Events& events_;
  LastData& last_data_;
  Logger log_;
  std::unique_ptr<Launcher> launcher_ = make_local_launcher();
  SpecReader specs_;
  Home home_;
  std::function<void(Kernel&)> on_death_;
  std::function<bool(Kernel&)> on_last_words_;
  std::function<void()> all_stopped_;
  std::map<std::uint64_t, EventLoop::Handle> forget_timers_;  // of the dead
};

}  // namespace oast::broker
