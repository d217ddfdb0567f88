// Memory that passes from one thread to another inside libzmq.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define OAST_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OAST_THREAD_SANITIZER 1
#endif
#endif

#ifdef OAST_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace oast::wire {

// libzmq's mailboxes order what one thread wrote before what the next one reads. ThreadSanitizer
// cannot see that, as libzmq is not compiled with it, so it is told here. In other builds this is
// nothing.

/// What this thread did so far with `memory` happened before the matching `taken_over`.
inline void hand_over([[maybe_unused]] void* memory) {
#ifdef OAST_THREAD_SANITIZER
  __tsan_release(memory);
#endif
}

inline void taken_over([[maybe_unused]] void* memory) {
#ifdef OAST_THREAD_SANITIZER
  __tsan_acquire(memory);
#endif
}

}  // namespace oast::wire
