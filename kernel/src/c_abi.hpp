// What stands behind oast_kernel.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_process.hpp"
#include "oast/c_value.hpp"
#include "oast_kernel.h"

namespace oast::kernel {

/// Keeps why the call failed, for oast_kernel_error on this thread; returns the status.
oast_status failed(oast_status status, std::string_view why) noexcept;
/// The same for what is being handled by a catch.
oast_status failed_by_exception() noexcept;

/// Does `call`, and turns what it throws into a status. No exception may leave into C.
template <class Call>
oast_status guarded(const Call& call) noexcept {
  try {
    return call();
  } catch (...) {
    return failed_by_exception();
  }
}

/// -1 is no timeout. Throws Error(invalid) when it is less.
std::optional<std::chrono::milliseconds> timeout_from_c(int timeout_ms);

/// Who asked for the requests that tags name. Tags count from 1. Thread-safe.
class Tags {
 public:
  static constexpr std::size_t kMostKnown = 65536;

  std::uint64_t add(RequestKey key);
  /// Nothing for 0 and for what is unknown by now.
  std::optional<RequestKey> find(std::uint64_t tag) const;

 private:
  mutable std::mutex mutex_;
  std::deque<RequestKey> known_;  // the last ones, at most kMostKnown
  std::uint64_t last_ = 0;
};

}  // namespace oast::kernel

/// Open from when it is handed out until it is answered; then the object waits for the next one.
struct oast_request {
  oast_kernel* kernel = nullptr;
  bool query = false;  // handed out by oast_kernel_next_query
  bool open = false;
  oast::kernel::Request request{};
  std::shared_ptr<oast::kernel::LaneRun> run{};  // of a lane other than 0
  std::shared_ptr<const oast::CValues> args{};
  oast_request_view view{};
};

namespace oast::kernel {

/// The requests of lanes other than 0 that are open, and those that wait to be used again: an
/// answer that comes twice finds one that is not open. Thread-safe.
class RequestPool {
 public:
  explicit RequestPool(oast_kernel& kernel) : kernel_(kernel) {}
  oast_request& get();
  void give_back(oast_request& request);

 private:
  oast_kernel& kernel_;
  mutable std::mutex mutex_;
  std::deque<oast_request> requests_;
  std::vector<oast_request*> unused_;
};

}  // namespace oast::kernel

/// What a request's view points to, while somebody needs it.
struct oast_memory {
  std::shared_ptr<const oast::CValues> args;
};

struct oast_kernel {
  oast_kernel(oast::kernel::KernelProcess::Options options, oast::kernel::LaunchDetails launch)
      : details(std::move(launch)), process(std::move(options)) {}

  oast::kernel::RuntimeServices& services() { return process.services(); }

  const oast::kernel::LaunchDetails details;
  oast::kernel::KernelProcess process;
  oast::kernel::Tags tags;
  oast_request running{.kernel = this};
  oast_request query{.kernel = this, .query = true};
  oast::kernel::RequestPool of_lanes{*this};
  std::string line;  // of oast_kernel_input
};
