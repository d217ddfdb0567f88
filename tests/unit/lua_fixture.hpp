// A Lua engine to test, with Services that write down what it asks of them.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "oast/kernel/lua.hpp"

template <>
struct doctest::StringMaker<oast::Value> {
  static String convert(const oast::Value& value) { return value.describe().c_str(); }
};

namespace oast::test {

using namespace std::chrono_literals;

/// Thread-safe. Waits end when the request is interrupted; since that comes in a signal handler,
/// which can wake nobody, they look every few milliseconds.
class LuaServices final : public kernel::Services {
 public:
  void output(kernel::Stream stream, std::string_view text) override {
    std::unique_lock lock(mutex_);
    outputs.push_back({stream, std::string(text)});
    changed_.notify_all();
    lock.unlock();
    if (on_output) on_output(text);
  }
  void flush() override {
    const std::lock_guard lock(mutex_);
    if (on_flush) on_flush();
  }
  std::optional<std::string> input(std::string_view prompt, bool) override {
    std::unique_lock lock(mutex_);
    prompts.emplace_back(prompt);
    changed_.notify_all();
    if (!wait_for_input && lines.empty()) return std::nullopt;
    wait(lock, [&] { return !lines.empty(); });
    auto line = lines.front();
    lines.pop_front();
    return line;
  }
  std::string read_input(std::size_t most) override {
    const auto line = input({}, false);
    if (!line) return {};
    REQUIRE(line->size() < most);
    return *line + "\n";
  }
  bool interrupted() const noexcept override { return interrupted_.load(); }

  ChannelId make_channel(std::size_t capacity) override {
    const std::lock_guard lock(mutex_);
    channels_[++last_channel_].capacity = std::max<std::size_t>(capacity, 1);
    return ChannelId{last_channel_};
  }
  void put(ChannelId id, Value value) override {
    std::unique_lock lock(mutex_);
    Channel& channel = channels_.at(id.value);
    wait(lock, [&] { return channel.closed || channel.values.size() < channel.capacity; });
    if (channel.closed) throw Error(FailureKind::not_found, "the channel is closed");
    channel.values.push_back(std::move(value));
  }
  std::optional<Value> take(ChannelId id) override {
    std::unique_lock lock(mutex_);
    Channel& channel = channels_.at(id.value);
    wait(lock, [&] { return channel.closed || !channel.values.empty(); });
    if (channel.values.empty()) return std::nullopt;
    Value value = std::move(channel.values.front());
    channel.values.pop_front();
    return value;
  }
  bool ready(ChannelId id) override {
    const std::lock_guard lock(mutex_);
    return !channels_.at(id.value).values.empty() || channels_.at(id.value).closed;
  }
  void close(ChannelId id) override {
    const std::lock_guard lock(mutex_);
    channels_.at(id.value).closed = true;
  }
  [[noreturn]] void exit(int code) override {
    exit_code = code;
    throw Error(FailureKind::unimplemented, "this process stays");
  }

  /// Everything written to the stream so far.
  std::string text(kernel::Stream stream = kernel::Stream::out) {
    const std::lock_guard lock(mutex_);
    std::string result;
    for (const auto& output : outputs) {
      if (output.stream == stream) result += output.text;
    }
    return result;
  }
  /// Waits until `ready()`, which sees the members.
  bool wait_until(const std::function<bool()>& ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, ready);
  }
  void set_interrupted(bool value) { interrupted_ = value; }

  struct Output {
    kernel::Stream stream;
    std::string text;
  };
  std::vector<Output> outputs;
  std::vector<std::string> prompts;                 ///< of input
  std::deque<std::optional<std::string>> lines;     ///< for input; nothing is its end
  bool wait_for_input = false;                      ///< when `lines` is empty; else that is its end
  std::function<void(std::string_view)> on_output;  ///< on the engine's thread
  std::function<void()> on_flush;
  std::optional<int> exit_code;

 private:
  struct Channel {
    std::size_t capacity = 1;
    bool closed = false;
    std::deque<Value> values;
  };

  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, Ready ready) {
    while (!ready()) {
      if (interrupted_) throw kernel::Interrupted{};
      changed_.wait_for(lock, 2ms);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> interrupted_ = false;
  std::uint64_t last_channel_ = 0;
  std::map<std::uint64_t, Channel> channels_;
};

/// An engine on the test's own thread.
struct Lua {
  LuaServices services;
  std::unique_ptr<kernel::Engine> engine = kernel::make_lua_engine(services);

  Value eval(std::string_view code, std::vector<Value> args = {}) {
    return engine->eval({.code = code, .source_name = {}, .args = std::move(args)});
  }
  Value call(std::string_view function, std::vector<Value> args = {}) {
    return engine->call({.function = function, .source = {}, .args = std::move(args)});
  }
  Value call_source(std::string_view source, std::vector<Value> args = {}) {
    return engine->call({.function = {}, .source = source, .args = std::move(args)});
  }
  /// The failure of code that must fail.
  Failure failure(std::string_view code, std::vector<Value> args = {}) {
    return failure_of([&] { eval(code, std::move(args)); });
  }
  static Failure failure_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& e) {
      return e.failure();
    }
    FAIL("it did not fail");
    return {};
  }
};

/// An engine on a thread of its own, as in a kernel, so that it can be interrupted.
class InterruptibleLua {
 public:
  InterruptibleLua() {
    std::promise<void> made;
    thread_ = std::thread([this, &made] {
      engine_ = kernel::make_lua_engine(services);
      on_this_thread = this;
      made.set_value();
      serve();
      engine_.reset();
    });
    made.get_future().wait();
    struct sigaction action = {};
    action.sa_handler = [](int) {
      const InterruptibleLua* self = on_this_thread;
      if (self != nullptr && self->services.interrupted()) self->engine_->interrupt();
    };
    sigaction(SIGUSR1, &action, nullptr);  // without SA_RESTART: reads must end
  }
  ~InterruptibleLua() {
    post(nullptr);
    thread_.join();
  }
  InterruptibleLua(const InterruptibleLua&) = delete;
  InterruptibleLua& operator=(const InterruptibleLua&) = delete;

  std::future<Value> start(std::string code) {
    auto task = std::make_shared<std::packaged_task<Value()>>([this, code = std::move(code)] {
      return engine_->eval({.code = code, .source_name = {}, .args = {}});
    });
    auto future = task->get_future();
    post([task] { (*task)(); });
    return future;
  }
  /// Interrupts what runs, again and again until it has ended, as a runtime does.
  void interrupt(const std::future<Value>& running) {
    services.set_interrupted(true);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    do {
      pthread_kill(thread_.native_handle(), SIGUSR1);
      // Nothing could end the thread any more.
      if (std::chrono::steady_clock::now() > deadline) std::abort();
    } while (running.wait_for(1ms) != std::future_status::ready);
  }
  Value eval(std::string code) { return start(std::move(code)).get(); }

  LuaServices services;

 private:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    posted_.notify_one();
  }
  void serve() {
    for (;;) {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [&] { return !queue_.empty(); });
      const auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      if (!work) return;
      work();
    }
  }

  static inline thread_local InterruptibleLua* on_this_thread = nullptr;

  std::unique_ptr<kernel::Engine> engine_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> queue_;
  std::thread thread_;
};

}  // namespace oast::test
