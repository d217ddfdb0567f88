// The thread that receives while the engine works.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "oast/shared_socket.hpp"

namespace oast::kernel {

/// While it is wanted it keeps the data socket going, so that a busy engine does not keep channel
/// operations or more requests waiting. It costs nothing before it is wanted for the first time,
/// and sleeps while it is not.
///
/// Threads: want on one thread, the control thread; the destructor when that has ended.
class BackgroundReceiver {
 public:
  explicit BackgroundReceiver(wire::SharedSocket& data) : data_(data) {}
  /// Precondition: `data` is closed, or the receiver has not been wanted for a while.
  ~BackgroundReceiver();
  BackgroundReceiver(const BackgroundReceiver&) = delete;
  BackgroundReceiver& operator=(const BackgroundReceiver&) = delete;

  void want(bool wanted);

 private:
  void run();

  wire::SharedSocket& data_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace oast::kernel
