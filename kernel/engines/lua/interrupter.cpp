#include "interrupter.hpp"

#include "context.hpp"

namespace oast::kernel::lua {

namespace {

constexpr int kEverywhere = LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT;

}  // namespace

void Interrupter::attach(lua_State* main) noexcept {
  main_ = main;
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer holds a signal back until the thread comes to something it watches, such as an
  // atomic, and loops in Lua never do.
  const auto look = [](lua_State* L, lua_Debug*) { context_of(L).interrupter.interrupted(); };
  lua_sethook(main, look, LUA_MASKCOUNT, 1000);
#endif
}

void Interrupter::begin() {
  // In this order: what arrives between the two stays armed and is seen by the second.
  if (armed_.load(std::memory_order_relaxed)) disarm(main_);
  if (services_.interrupted()) throw Interrupted{};
}

void Interrupter::interrupt() noexcept {
  if (held_.load(std::memory_order_relaxed)) {
    waiting_.store(true, std::memory_order_relaxed);
  } else {
    install();
  }
}

void Interrupter::arm() noexcept {
  const Hold hold(*this);
  install();
}

// lua_sethook is what Lua itself calls in its signal handler; it only writes fields of the state
// and of its active functions.
void Interrupter::install() noexcept {
  if (lua_gethook(main_) != stop_hook) {
    user_hook_ = {lua_gethook(main_), lua_gethookmask(main_), lua_gethookcount(main_)};
  }
  armed_.store(true, std::memory_order_relaxed);
  lua_sethook(main_, stop_hook, kEverywhere, 1);
  for (Running* r = running_.load(std::memory_order_relaxed); r != nullptr; r = r->below_) {
    lua_sethook(r->state_, stop_hook, kEverywhere, 1);
  }
}

void Interrupter::disarm(lua_State* L) noexcept {
  const Hold hold(*this);
  if (L == main_) {
    armed_.store(false, std::memory_order_relaxed);
    if (lua_gethook(L) != stop_hook) return;
    lua_sethook(L, user_hook_.function, user_hook_.mask, user_hook_.count);
  } else {
    lua_sethook(L, nullptr, 0, 0);
  }
}

void Interrupter::stop_hook(lua_State* L, lua_Debug*) {
  Interrupter& self = context_of(L).interrupter;
  if (!self.interrupted()) {
    self.disarm(L);
    return;
  }
  raise_interrupt(L);
}

Interrupter::Running::Running(Interrupter& interrupter, lua_State* coroutine) noexcept
    : interrupter_(interrupter),
      state_(coroutine),
      below_(interrupter.running_.load(std::memory_order_relaxed)) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  interrupter_.running_.store(this, std::memory_order_relaxed);
}

Interrupter::Running::~Running() {
  interrupter_.running_.store(below_, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

Interrupter::Hold::Hold(Interrupter& interrupter) noexcept
    : interrupter_(interrupter), outer_(interrupter.held_.load(std::memory_order_relaxed)) {
  interrupter_.held_.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

Interrupter::Hold::~Hold() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (outer_) return;
  for (;;) {
    interrupter_.held_.store(false, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // From here on the handler installs by itself; what came before is still waiting.
    if (!interrupter_.waiting_.load(std::memory_order_relaxed)) return;
    interrupter_.held_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    interrupter_.waiting_.store(false, std::memory_order_relaxed);
    interrupter_.install();
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

}  // namespace oast::kernel::lua
