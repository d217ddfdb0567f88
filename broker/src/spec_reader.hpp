// Reads kernel specs without holding up the loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "launcher.hpp"
#include "oast/error.hpp"
#include "spec_expansion.hpp"
#include "spec_registry.hpp"
#include "worker_thread.hpp"

namespace oast::broker {

/// Makes launch plans of specs. Files are read on a thread, for as long as their file system takes,
/// one request after the other. To be called on the loop's thread; what it calls back runs there.
class SpecReader {
 public:
  SpecReader(EventLoop& loop, const std::vector<KernelSpec>& configured);

  struct Recipe {
    LaunchPlan plan;
    std::chrono::milliseconds start_timeout;  ///< of the spec; 0: it has none
  };
  using Failed = std::function<void(const Failure&)>;

  /// `wanted` has what the start says: its environment and directory go before those of the spec.
  /// Of a spec that the broker was made with, calls back at once, or throws Error.
  void read(const std::string& name, const ExeChoice& choice, const LaunchPlan& wanted,
            const std::function<void(const Recipe&)>& done, const Failed& failed);
  void list(const std::function<void(const wire::SpecsT&)>& done, const Failed& failed);

 private:
  void run(const WorkerThread::Work& read, const Failed& failed);

  const std::shared_ptr<const SpecRegistry> registry_;  // the thread's, too
  WorkerThread worker_;
};

}  // namespace oast::broker
