// Runs cells, one after the other.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "comms.hpp"
#include "exchange.hpp"
#include "history_store.hpp"
#include "kernel_client.hpp"
#include "utf8_text.hpp"

namespace oast::jupyter {

/// The execute_requests of one shell, and the messages of comms to it: they run in the order they
/// came. When an execute_request fails and asks for stop_on_error, those that came before its reply
/// went out are aborted, and later ones run. For the loop's thread.
class ExecutionQueue {
 public:
  /// `lane`: of the kernel; what runs in lane 0 is replayed to frontends that come meanwhile.
  ExecutionQueue(Channels& channels, KernelClient& kernel, HistoryStore& history, Comms& comms,
                 unsigned lane);

  void add(SharedExchange exchange);
  /// False when nothing here waits for it.
  bool input_reply(const Message& message);
  /// Of no request that runs: what earlier ones left running.
  void late_output(const Output& output, OutputHold hold);
  /// The kernel is dead: what runs is answered by its own failure, what waits is aborted.
  void kernel_died();
  bool idle() const { return !running_; }
  /// What has not begun does not.
  void abort_waiting();
  /// Called each time when nothing runs any more.
  void on_idle(std::function<void()> callback) { on_idle_ = std::move(callback); }

 private:
  struct Execution;
  using SharedExecution = std::shared_ptr<Execution>;

  void next();
  void begin(const SharedExecution& execution);
  void begin_comm(const SharedExecution& execution);
  void comm_done(const SharedExecution& execution, const KernelClient::Result<Value>& result);
  void output(Execution& execution, const Output& output, OutputHold hold);
  void show_result(Execution& execution, Json content, OutputHold hold);
  Json text_content(const Value& value) const;
  void show(const Json& parent, const Output& output, std::string_view text, OutputHold hold);
  void ask_input(Execution& execution, const InputRequest& asked, KernelClient::Answer answer);
  void done(const SharedExecution& execution, KernelClient::Result<Value> result);
  static void finish_streams(Execution& execution);
  void evaluate_expressions(const SharedExecution& execution);
  void fail(Execution& execution, const Failure& failure);
  void finish(Execution& execution, Json reply);
  void replay(const Json& header);

  Channels& channels_;
  KernelClient& kernel_;
  HistoryStore& history_;
  Comms& comms_;
  const unsigned lane_;
  std::deque<SharedExchange> waiting_;
  SharedExecution running_;
  Json last_parent_ = Json::object();  // of what a request left running
  std::int64_t count_ = 0;             // cells that were counted
  bool dead_ = false;
  std::function<void()> on_idle_;
};

}  // namespace oast::jupyter
