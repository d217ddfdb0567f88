// How running Lua code is stopped.
#pragma once

#include <atomic>
#include <csignal>
#include <lua.hpp>

#include "oast/kernel/engine.hpp"

namespace oast::kernel::lua {

/// Stops the running code by a debug hook that raises at the next instruction, call or return.
///
/// The hook stays as long as Services::interrupted() says so, on the main state and on every
/// coroutine between it and the running one: code that catches the error meets the next one at
/// once, so nothing but the end of the request is left to it. A hook that outlived its request
/// (the signal came too late) takes itself away when it fires.
///
/// All functions run on the engine's thread; `interrupt` also in a signal handler there.
class Interrupter {
 public:
  explicit Interrupter(const Services& services) : services_(services) {}
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  /// Before anything else.
  void attach(lua_State* main) noexcept;

  /// A request begins. Throws Interrupted when it is interrupted already.
  void begin();
  /// A request ends: no hook of ours stays on the main state.
  void end() noexcept {
    if (armed_.load(std::memory_order_relaxed)) disarm(main_);
  }

  /// Async-signal-safe.
  void interrupt() noexcept;
  /// The same, for what learns of the interrupt otherwise (Services threw Interrupted).
  void arm() noexcept;

  /// The running request was interrupted and code must not go on.
  bool interrupted() const noexcept { return services_.interrupted(); }

  /// While it lives, `coroutine` counts as running, so an interrupt reaches it. Not to be jumped
  /// over by a Lua error.
  class Running {
   public:
    Running(Interrupter& interrupter, lua_State* coroutine) noexcept;
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    friend class Interrupter;
    Interrupter& interrupter_;
    lua_State* state_;
    Running* below_;
  };

  /// While it lives, interrupts wait: somebody changes hooks. Not to be jumped over by a Lua error.
  class Hold {
   public:
    explicit Hold(Interrupter& interrupter) noexcept;
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Interrupter& interrupter_;
    bool outer_;
  };

 private:
  static void stop_hook(lua_State* L, lua_Debug* where);
  void install() noexcept;
  void disarm(lua_State* L) noexcept;

  /// What debug.sethook had set on the main state.
  struct UserHook {
    lua_Hook function = nullptr;
    int mask = 0;
    int count = 0;
  };

  const Services& services_;
  lua_State* main_ = nullptr;
  UserHook user_hook_;
  // Shared with the signal handler; relaxed because both run on one thread.
  std::atomic<Running*> running_ = nullptr;  ///< the innermost coroutine
  std::atomic<bool> armed_ = false;          ///< the main state has our hook
  std::atomic<bool> held_ = false;
  std::atomic<bool> waiting_ = false;  ///< an interrupt came while held
  static_assert(std::atomic<Running*>::is_always_lock_free);
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace oast::kernel::lua
