// What the parts of the Lua engine share.
#pragma once

#include <lua.hpp>
#include <optional>

#include "interrupter.hpp"
#include "oast/kernel/engine.hpp"
#include "sources.hpp"
#include "streams.hpp"

namespace oast::kernel::lua {

/// Where Lua keeps what is ours; they live as long as the state, and are compared by address.
struct Known {
  const void* null = nullptr;  ///< the userdata oast.null
  const void* out = nullptr;   ///< the userdata io.stdout
  const void* err = nullptr;   ///< and io.stderr
  const void* map = nullptr;   ///< metatables
  const void* tensor = nullptr;
  const void* failure = nullptr;
  const void* native = nullptr;
  const void* channel = nullptr;
};

/// The state of the warning system, lua_setwarnf.
struct Warnings {
  bool on = false;
  bool in_message = false;  ///< more pieces follow
};

/// One engine. Every lua_State of it, coroutines too, finds it by `context_of`.
struct Context {
  explicit Context(Services& s) : services(s), interrupter(s), streams(s, interrupter) {}

  Services& services;
  Interrupter interrupter;
  Streams streams;
  Sources sources;
  Known known;
  Warnings warnings;
  /// The error that ended the last protected call, written by `on_error`.
  std::optional<Failure> error;
};

/// Lua copies the extra space of the main state to each new coroutine.
inline Context& context_of(lua_State* L) { return **static_cast<Context**>(lua_getextraspace(L)); }

/// Raises the error that says that the request is interrupted. The hook raises it again wherever
/// it is caught.
[[noreturn]] inline void raise_interrupt(lua_State* L) {
  lua_pushliteral(L, "interrupted");
  lua_error(L);
  __builtin_unreachable();
}

/// Slot of the main state's stack where the message handler `on_error` stays.
inline constexpr int kHandler = 1;

}  // namespace oast::kernel::lua
