// Between Jupyter's messages and a kernel of oast.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "channels.hpp"
#include "kernel_client.hpp"
#include "registration.hpp"
#include "shells.hpp"
#include "signal_reader.hpp"

namespace oast::jupyter {

/// Serves one frontend's kernel until it is shut down or the kernel dies. One loop, whose thread
/// owns all of it and never waits for the kernel: control is answered while a cell runs.
class Bridge {
 public:
  /// Binds. Throws as Channels does.
  explicit Bridge(const ConnectionFile& file) : channels_(loop_, file) {}

  /// Starts the kernel, serves, and ends it. Blocks. Gives the exit code: 0 after a shutdown, 3
  /// when the kernel died. SIGINT interrupts what runs, SIGTERM shuts down, and so does the end of
  /// process `parent` (0: nobody's). Throws what KernelClient::start throws.
  int run(const KernelOptions& options, int parent, cli::SignalReader& signals);

 private:
  using Channel = Channels::Channel;

  void handle(Channel channel, Message message);
  bool handle_query(const std::string& type, const SharedExchange& exchange);
  void answer_at_once(const std::string& type, const SharedExchange& exchange);
  void history(const SharedExchange& exchange);
  void open_comm(const SharedExchange& exchange);
  void replay(const SharedExchange& exchange);
  bool manage_subshells(const std::string& type, const SharedExchange& exchange);
  void interrupt(const SharedExchange& exchange);
  void shut_down(const SharedExchange& exchange);
  void kernel_died(const Failure& failure);
  void end(int exit_code);
  void be_listed(const KernelOptions& options);

  EventLoop loop_;
  Channels channels_;
  std::unique_ptr<KernelClient> kernel_;
  std::unique_ptr<Shells> shells_;
  std::optional<Registration> registration_;
  bool comms_ = false;  // the kernel knows them
  int exit_code_ = 0;
};

}  // namespace oast::jupyter
