#include "thread.hpp"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace oast::detail {

std::thread start_thread(const char* name, std::function<void()> main) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the new thread inherits it
  struct Restore {
    const sigset_t& mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const restore{before};
  return std::thread([name, run = std::move(main)]() noexcept {
    pthread_setname_np(pthread_self(), name);
    run();
  });
}

}  // namespace oast::detail
