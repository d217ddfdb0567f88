#include "interruptible_wait.hpp"

#include "oast/error.hpp"
#include "oast/interrupt_check.hpp"

namespace oast {

namespace {

thread_local bool (*the_check)() = nullptr;

}  // namespace

void set_interrupt_check(bool (*check)()) { the_check = check; }

bool detail::has_interrupt_check() { return the_check != nullptr; }

void detail::throw_if_interrupted() {
  if (the_check != nullptr && the_check())
    throw Error(FailureKind::interrupted, "the host was interrupted while it waited");
}

}  // namespace oast
