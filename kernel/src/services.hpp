// What the runtime does for its engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "control.hpp"
#include "oast/kernel/engine.hpp"
#include "oast/kernel/engine_channels.hpp"
#include "oast/kernel/input_buffer.hpp"
#include "shared.hpp"

namespace oast::kernel {

class RuntimeServices final : public Services {
 public:
  /// Made on the engine's thread. `leave` ends the process; see Services::exit.
  RuntimeServices(Shared& shared, std::function<void(int)> leave)
      : shared_(shared), leave_(std::move(leave)) {}

  /// From now on text is sent, also when nothing follows it. `control` must outlive this.
  void connect(Control& control) { control_ = &control; }

  void output(Stream stream, std::string_view text) override;
  /// The same, of the request of `owner`. Thread-safe.
  void output_of(RequestKey owner, Stream stream, std::string_view text);
  void output_at_end(Stream stream, std::string_view text) override;
  /// As Outputs's, but wait for room as `output` does. Thread-safe.
  void display(RequestKey owner, const Display& display);
  void clear_output(RequestKey owner, bool wait);
  void flush() override;
  std::optional<std::string> input(std::string_view prompt, bool password) override;
  std::string read_input(std::size_t most) override;
  /// A request begins. On the engine's thread.
  void begin_request() { input_.begin(); }
  bool interrupted() const noexcept override { return shared_.gate.interrupted() != 0; }
  ChannelId make_channel(std::size_t capacity) override { return shared_.channels.make(capacity); }
  void put(ChannelId channel, Value value) override { channels_.put(channel, std::move(value)); }
  std::optional<Value> take(ChannelId channel) override { return channels_.take(channel); }
  bool ready(ChannelId channel) override { return shared_.channels.has_value(channel); }
  void close(ChannelId channel) override { shared_.channels.close_once(channel); }
  [[noreturn]] void exit(int code) override;

  /// Blocks until the outbox has room for a terminal reply, or the running request is interrupted
  /// or the kernel shall end: then the reply is sent all the same. On the engine's thread.
  void wait_to_reply();
  /// The same for a request of another lane. Any thread.
  void wait_to_reply(const LaneRun& run);

  /// The calling thread runs this request until it ends: its interrupt ends what the thread waits
  /// for in here.
  static void run_here(std::shared_ptr<const LaneRun> run);

 private:
  /// Blocks until the outbox has room. Throws Interrupted on a thread that runs a request when that
  /// is interrupted, on others when the kernel shall end; an engine that was told so is not held up
  /// any more.
  void wait_for_room();
  /// What the host answers the request `key`, which runs.
  std::optional<std::string> ask(RequestKey key, wire::InputRequestT request);
  template <class Send>
  void send_text(std::string_view text, const Send& send);
  /// Receives meanwhile on the engine's thread; on others somebody else does.
  void wait(const std::function<bool()>& done,
            std::optional<WaitQueue::Clock::time_point> deadline = std::nullopt);
  bool on_engine_thread() const noexcept { return std::this_thread::get_id() == engine_; }
  /// The request of this thread is interrupted, and its code does not know; on a thread that runs
  /// none, that of the engine.
  bool interrupted_here() const noexcept;
  /// Of this thread, for hosts that do not keep up.
  bool wait_is_over() const noexcept;
  bool stopped() const noexcept { return interrupted_here() || shared_.intake.closed(); }

  Shared& shared_;
  const std::function<void(int)> leave_;
  const std::thread::id engine_ = std::this_thread::get_id();
  Control* control_ = nullptr;
  const EngineWait wait_{[this](const std::function<bool()>& done) { wait(done); },
                         [&shared = shared_] { shared.notify(); }, [this] { return stopped(); }};
  EngineChannels channels_{shared_.channels, wait_};
  bool told_to_end_ = false;  // touched by the engine's thread only, as the next
  InputBuffer input_;
};

}  // namespace oast::kernel
