#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "api_boundary.hpp"

namespace oast::c {

namespace {

/// A failure and its C view, which refers to it.
struct Noted {
  explicit Noted(Failure f) : failure(std::move(f)), view(failure) {}
  const Failure failure;
  const CFailure view;
};

thread_local std::unique_ptr<const Noted> noted;

}  // namespace

oast_status note(const Failure& failure) noexcept {
  try {
    noted = std::make_unique<const Noted>(failure);
  } catch (const std::bad_alloc&) {  // the status is all there is then
    noted.reset();
  }
  return to_c(failure.kind);
}

oast_status note_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return note(error.failure());
  } catch (const std::exception& error) {  // no memory, no thread, no descriptor
    return note({FailureKind::overloaded, error.what(), {}, {}, {}});
  } catch (...) {
    return note({FailureKind::invalid, "an unknown exception", {}, {}, {}});
  }
}

}  // namespace oast::c

extern "C" {

uint32_t oast_abi(void) { return OAST_ABI; }

const oast_failure* oast_error(void) {
  return oast::c::noted ? oast::c::noted->view.get() : nullptr;
}

const char* oast_status_name(uint32_t status) {
  if (status == OAST_OK) return "ok";
  if (status > OAST_INCOMPATIBLE) return "unknown";
  return to_string(static_cast<oast::FailureKind>(status - 1)).data();  // of literals
}
}
