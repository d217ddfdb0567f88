// A link to a broker that can be cut.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "oast/fd.hpp"
#include "scratch_directory.hpp"

namespace oast::test {

/// A directory in which a broker seems to live: what connects to its sockets is passed on, byte by
/// byte, to those of the real one.
class Relay {
 public:
  explicit Relay(const std::filesystem::path& broker);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string directory() const { return scratch_.path().string(); }
  /// Closes all connections on both sides, with what is under way, and those that come until
  /// `restore`.
  void cut();
  void restore() { down_ = false; }

 private:
  using Link = std::pair<Fd, Fd>;

  void listen(const std::string& name);
  void accept_all(const Fd& listener, const std::string& name);
  void pump(const std::shared_ptr<Link>& link, bool to_broker);

  const std::filesystem::path broker_;
  const ScratchDirectory scratch_;
  std::atomic<bool> down_{false};
  std::atomic<bool> ending_{false};
  std::vector<Fd> listeners_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Link>> links_;  // guarded by mutex_, as all below
  std::vector<std::thread> threads_;
};

}  // namespace oast::test
