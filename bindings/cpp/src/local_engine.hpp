// A Lua engine on a thread of this process.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "local_interrupts.hpp"
#include "local_request.hpp"
#include "oast/evaluator.hpp"
#include "oast/in_process_worker.hpp"
#include "oast/kernel/channel_table.hpp"
#include "oast/kernel/engine.hpp"
#include "oast/kernel/engine_channels.hpp"
#include "oast/kernel/engine_wait.hpp"
#include "oast/kernel/input_buffer.hpp"
#include "oast/kernel/input_slot.hpp"
#include "oast/remote_channel.hpp"

namespace oast::detail {

/// The engine's thread, the queue before it, and what the engine asks of its surroundings.
/// Thread-safe but for Services, which says itself who calls what.
class LocalEngine : public kernel::Services,
                    public ChannelHome,
                    public std::enable_shared_from_this<LocalEngine> {
 public:
  /// Blocks until the engine is up; throws what making it threw.
  static std::shared_ptr<LocalEngine> start(InProcessOptions options);
  ~LocalEngine() override;

  Future<Value> submit(const Evaluator::Request& asked, EvalOptions options);
  /// Runs `task` on the engine's thread, in the queue's order, and blocks for its end.
  void perform(std::function<void(kernel::Engine&)> task);
  InterruptOutcome interrupt(std::chrono::milliseconds timeout);
  void cancel(const std::shared_ptr<LocalRequest>& request);
  /// Ends the thread. Blocks until it has ended, unless it is the caller.
  void stop();
  bool running() const;

  Future<Value> channel(Operation operation, ChannelId channel, Value value) override;

 private:
  /// The peer that the surroundings of the engine are; 0 is itself.
  static constexpr PeerId kHost{1};

  struct Job {
    std::shared_ptr<LocalRequest> request;
    std::function<Value(kernel::Engine&)> run;
    bool interruptible = true;
  };

  explicit LocalEngine(InProcessOptions options) : options_(std::move(options)) {}

  std::shared_ptr<LocalRequest> make_request(EvalOptions options = {});
  /// Ends it at once when the engine was stopped.
  void enqueue(Job job);
  void serve(kernel::Engine& engine);
  std::optional<Job> next();
  void run(kernel::Engine& engine, Job& job);
  /// Says that nothing runs, then ends what ran.
  template <class Answer>
  void finish(const Job& job, Answer answer);
  Failure failure_of_exception() const;
  std::shared_ptr<LocalRequest> current() const;
  std::optional<std::string> ask(InputRequest asked);
  /// Names an operation at a channel, or an input request. Each is given once.
  RequestKey next_key() { return {kHost, RequestId{++last_key_}}; }

  void output(kernel::Stream stream, std::string_view text) override;
  void flush() override {}  // nothing is buffered
  std::optional<std::string> input(std::string_view prompt, bool password) override;
  std::string read_input(std::size_t most) override;
  bool interrupted() const noexcept override { return interrupts_->raised(); }
  ChannelId make_channel(std::size_t capacity) override { return channels_.make(capacity); }
  void put(ChannelId channel, Value value) override {
    engine_channels_.put(channel, std::move(value));
  }
  std::optional<Value> take(ChannelId channel) override { return engine_channels_.take(channel); }
  bool ready(ChannelId channel) override { return channels_.has_value(channel); }
  void close(ChannelId channel) override { channels_.close_once(channel); }
  [[noreturn]] void exit(int code) override;

  const InProcessOptions options_;
  kernel::ChannelTable channels_;
  std::atomic<std::uint64_t> last_key_{0};
  std::unique_ptr<LocalInterrupts> interrupts_;  // made on the engine's thread, before the engine
  const kernel::EngineWait wait_{[this](const std::function<bool()>& done) {
                                   interrupts_->waiters().wait(done, std::nullopt);
                                 },
                                 [this] { interrupts_->waiters().notify_all(); },
                                 [this] { return interrupts_->raised(); }};
  kernel::EngineChannels engine_channels_{channels_, wait_};
  kernel::InputSlot answer_;

  mutable std::mutex mutex_;  // guards the next four
  std::condition_variable queued_;
  std::deque<Job> queue_;
  std::shared_ptr<LocalRequest> running_;  // what can be interrupted now
  bool stopping_ = false;

  kernel::InputBuffer input_;  // touched by the engine's thread only

  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace oast::detail
