// The kernel behind the bridge, asked without waiting for it.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "event_loop.hpp"
#include "oast/worker.hpp"
#include "task_thread.hpp"
#include "transcript.hpp"

namespace oast::jupyter {

/// Which kernel.
struct KernelOptions {
  std::string spec = "lua";
  std::string broker;                ///< a daemon's directory or name; empty: a broker of our own
  std::string to;                    ///< a kernel that runs already, by name or id
  std::string connection_file = {};  ///< which is served: for `oast jupyter list`
};

/// One kernel of ours, or one that runs already. All functions are for the loop's thread and do not
/// block; callbacks run on it, later, once each, and never after the client is gone.
class KernelClient {
 public:
  template <class T>
  using Result = std::variant<T, Failure>;
  template <class T>
  using OnResult = std::function<void(Result<T>)>;
  using OnOutput = std::function<void(Output, OutputHold)>;
  /// `answer` may be called on any thread, once.
  using Answer = std::function<void(std::optional<std::string>)>;
  using OnInput = std::function<void(const InputRequest&, Answer)>;

  struct Execution {
    std::string code;        ///< with `call` a function's dotted path
    std::int64_t count = 0;  ///< of a cell; 0: it is none
    bool call = false;       ///< of a function whose value nobody wants
    std::vector<Value> args;
    unsigned lane = 0;
    std::string source_name;
    OnOutput on_output;
    OnInput on_input;  ///< empty: its input has ended
    OnResult<Value> on_done;
  };

  explicit KernelClient(EventLoop& loop) : loop_{loop.poster()} {}
  /// Ends a kernel of ours: it is asked to, and made to after two seconds. Blocks.
  ~KernelClient();
  KernelClient(const KernelClient&) = delete;
  KernelClient& operator=(const KernelClient&) = delete;

  /// Output of what requests have left running.
  void on_late_output(OnOutput callback) { on_late_output_ = std::move(callback); }
  /// The kernel has died, or cannot be reached any more.
  void on_death(std::function<void(Failure)> callback) { on_death_ = std::move(callback); }

  /// Blocks until the kernel can be asked. Throws what Broker::start, connect and attach throw.
  void start(const KernelOptions& options);
  const SpecInfo& spec() const { return spec_; }
  std::string name() const { return worker_->name(); }
  /// Of the language. Known once `start` has returned.
  const std::string& version() const { return version_; }

  void execute(Execution execution);
  /// What the cells have shown so far, as a notebook (nbformat 4), as far as the log has it.
  void transcript(OnResult<Json> done);
  /// Interrupts what `execute` began last in each lane, if it still runs; `done` when the outcomes
  /// are known.
  void interrupt(std::function<void()> done);
  /// The same of one lane.
  void interrupt(unsigned lane);
  void complete(std::string code, std::size_t cursor, OnResult<Completions> done);
  void inspect(std::string code, std::size_t cursor, int detail,
               OnResult<std::optional<std::string>> done);
  void is_complete(std::string code, OnResult<Completeness> done);

 private:
  /// Calls back on the loop, unless the client is gone. Copies outlive it.
  struct Loop {
    Poster poster;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // looked at on the loop's thread
    void operator()(Callback callback) const;
  };

  static InputCallback input_callback(const Loop& loop, const OnInput& callback);
  void interrupt(std::vector<RequestKey> running, std::function<void()> done);
  template <class T, class Call>
  void ask(Call call, OnResult<T> done);

  Loop loop_;
  OnOutput on_late_output_;
  std::function<void(Failure)> on_death_;
  std::optional<Broker> broker_;
  std::shared_ptr<Worker> worker_;  // shared with what runs on the threads
  bool own_ = false;
  Subscription watch_;
  SpecInfo spec_;
  std::string version_;
  std::map<unsigned, Future<Value>> running_;  // the last of each lane
  Transcript cells_;
  TaskThread queries_;
  TaskThread logs_;
  TaskThread interrupts_;
};

}  // namespace oast::jupyter
