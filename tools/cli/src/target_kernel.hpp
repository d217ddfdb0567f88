// Which broker, which kernel.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "oast/broker.hpp"
#include "oast/worker.hpp"

namespace oast::cli {

/// The session that this command goes on with, or begins.
struct SessionChoice {
  std::string name;               ///< empty: none
  std::optional<double> timeout;  ///< in seconds; nothing: the library's default
};
/// What the command line says of it, once for the program.
SessionChoice& session_choice();
inline bool in_session() { return !session_choice().name.empty(); }

/// The daemon given with -b, or the one at the default place. Blocks. Throws NoBroker when none
/// lives there or it does not let us in.
Broker connect_broker(const std::string& directory_or_name);

/// The daemon at the default place if one lives there, else the embedded broker of this process.
/// Blocks. Throws NoBroker when one lives there that does not let us in.
Broker default_broker();

/// The kernel called `name_or_id`. Throws Error(not_found) naming the kernels there are.
KernelInfo find_kernel(const Broker& broker, const std::string& name_or_id);

/// What -k, --to and -b say.
struct KernelChoice {
  std::string spec = "lua";
  std::string to;      ///< attach to this kernel instead of starting one
  std::string broker;  ///< empty: the default daemon if it lives, else an embedded broker
};

/// A kernel to evaluate in: one of our own, which ends with the target, or somebody else's.
/// Not thread-safe, but its worker is.
class TargetKernel {
 public:
  /// Connects, and starts a kernel in the current directory or attaches to one. Blocks. Throws
  /// NoBroker, and what Broker::start and Broker::attach throw. A signal ends the program
  /// meanwhile.
  explicit TargetKernel(KernelChoice choice, OutputCallback late_output = {});
  /// Ends our own kernel, also in a session. Blocks.
  ~TargetKernel();
  TargetKernel(const TargetKernel&) = delete;
  TargetKernel& operator=(const TargetKernel&) = delete;

  Worker& worker() { return *worker_; }
  const Broker& broker() const { return *broker_; }
  /// We started the kernel.
  bool own() const { return choice_.to.empty(); }
  /// The language of its spec, "lua" say; empty when unknown.
  std::string language() const;
  /// Starts a new kernel in place of one that died. Precondition: own().
  void restart();

 private:
  void open();
  void close() noexcept;

  KernelChoice choice_;
  OutputCallback late_output_;
  std::optional<Broker> broker_;
  std::optional<Worker> worker_;
};

/// The current directory, or "/" when it is gone.
std::string current_directory();

}  // namespace oast::cli
