#include "c_abi.hpp"

#include <new>
#include <utility>

namespace oast::kernel {

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): it is the C interface's
thread_local std::string the_error;

}  // namespace

oast_status failed(oast_status status, std::string_view why) noexcept try {
  the_error = why;
  return status;
} catch (...) {
  the_error.clear();
  return status;
}

oast_status failed_by_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return failed(to_c(error.failure().kind), error.failure().message);
  } catch (const Interrupted&) {
    return failed(OAST_INTERRUPTED, "interrupted");
  } catch (const std::bad_alloc&) {
    return failed(OAST_OVERLOADED, "out of memory");
  } catch (const std::exception& error) {
    return failed(OAST_INVALID, error.what());
  } catch (...) {
    return failed(OAST_INVALID, "an exception of an unknown type");
  }
}

std::optional<std::chrono::milliseconds> timeout_from_c(int timeout_ms) {
  if (timeout_ms == -1) return std::nullopt;
  if (timeout_ms < -1)
    throw Error(FailureKind::invalid, "a timeout is -1, 0 or a number of milliseconds");
  return std::chrono::milliseconds(timeout_ms);
}

std::uint64_t Tags::add(RequestKey key) {
  const std::lock_guard lock(mutex_);
  known_.push_back(key);
  if (known_.size() > kMostKnown) known_.pop_front();
  return ++last_;
}

std::optional<RequestKey> Tags::find(std::uint64_t tag) const {
  const std::lock_guard lock(mutex_);
  if (tag > last_ || tag + known_.size() <= last_) return std::nullopt;
  return known_[known_.size() - 1 - (last_ - tag)];
}

oast_request& RequestPool::get() {
  const std::lock_guard lock(mutex_);
  if (unused_.empty()) return requests_.emplace_back(oast_request{.kernel = &kernel_});
  oast_request& request = *unused_.back();
  unused_.pop_back();
  return request;
}

void RequestPool::give_back(oast_request& request) {
  const std::lock_guard lock(mutex_);
  request.run.reset();
  unused_.push_back(&request);
}

}  // namespace oast::kernel

extern "C" {

uint32_t oast_kernel_abi(void) { return OAST_KERNEL_ABI; }

const char* oast_kernel_error(void) { return oast::kernel::the_error.c_str(); }

}  // extern "C"
