// The interrupt check of a thread.
#include "oast.h"
#include "oast/interrupt_check.hpp"

namespace {

thread_local int (*the_check)(void) = nullptr;
thread_local bool was_interrupted = false;

bool check_and_remember() {
  if (the_check() == 0) return false;
  was_interrupted = true;
  return true;
}

}  // namespace

extern "C" {

void oast_set_interrupt_check(int (*interrupted)(void)) {
  the_check = interrupted;
  oast::set_interrupt_check(interrupted == nullptr ? nullptr : check_and_remember);
}

int oast_was_interrupted(void) {
  const bool was = was_interrupted;
  was_interrupted = false;
  return was ? 1 : 0;
}
}
