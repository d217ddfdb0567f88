#include "oast/kernel/engine_failure.hpp"

#include <exception>
#include <new>
#include <utility>

#include "oast/kernel/engine.hpp"

namespace oast::kernel {

Failure make_failure(FailureKind kind, std::string message) {
  return {.kind = kind, .message = std::move(message), .type = {}, .traceback = {}, .death = {}};
}

Failure failure_of_exception() {
  try {
    throw;
  } catch (const Interrupted&) {
    return make_failure(FailureKind::interrupted, "interrupted");
  } catch (const Error& error) {
    return error.failure();
  } catch (const std::bad_alloc&) {
    return make_failure(FailureKind::remote_exception, "out of memory");
  } catch (const std::exception& error) {
    return make_failure(FailureKind::remote_exception, error.what());
  } catch (...) {
    return make_failure(FailureKind::remote_exception, "an exception of an unknown type");
  }
}

}  // namespace oast::kernel
