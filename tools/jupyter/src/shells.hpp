// The shells of one kernel: the main one, and subshells.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "execution_queue.hpp"

namespace oast::jupyter {

/// Each shell has an order of cells, a count and a history of its own, and runs in a lane of the
/// kernel, the main one in lane 0. Source: Jupyter Enhancement Proposal 91. For the loop's thread.
class Shells {
 public:
  /// `lanes`: the kernel can run several requests at once; else there are no subshells.
  Shells(Channels& channels, KernelClient& kernel, bool lanes);

  /// A cell or a comm's message, for the shell that its header names. One that names none that is
  /// there is answered with an error.
  void add(const SharedExchange& exchange);
  void input_reply(const Message& message);
  void late_output(const Output& output, OutputHold hold);
  /// The kernel is dead. Calls back when nothing is left to be said of it.
  void kernel_died(const std::function<void()>& done);

  const HistoryStore& history() const { return main_.history; }
  Json comm_info(const Json& request) const { return comms_.info(request); }

  // The contents of replies.
  Json create();
  /// What it runs is interrupted, what waits in it is aborted.
  Json remove(const std::string& id);
  Json list() const;

 private:
  struct Shell {
    Shell(Shells& all, unsigned lane);

    unsigned lane;
    HistoryStore history;
    ExecutionQueue cells;
  };

  template <class Visit>
  void each(const Visit& visit);
  unsigned free_lane() const;

  Channels& channels_;
  KernelClient& kernel_;
  const bool lanes_;
  Comms comms_;
  Shell main_;
  std::map<std::string, std::unique_ptr<Shell>> subshells_;
  std::vector<std::unique_ptr<Shell>> removed_;  // while a cell of theirs still runs
};

}  // namespace oast::jupyter
