// Functions of Lua's standard libraries that a kernel needs otherwise. All are called in protect.
#pragma once

#include <lua.hpp>

namespace oast::kernel::lua {

/// print, warn, io's standard files, io.popen, os.execute, os.exit, debug.debug, loadfile, dofile:
/// they use the engine's streams, never those of the process.
void open_io(lua_State* L);

/// coroutine.resume, wrap and close, so that an interrupt finds the running coroutine; xpcall and
/// debug.sethook, so that they cannot stand in its way. They do what Lua's own do.
void open_interruptible(lua_State* L);

/// Replaces the function `name` of the global table `library` ("_G" for globals).
inline void replace(lua_State* L, const char* library, const char* name, lua_CFunction function) {
  lua_getglobal(L, library);
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/// The same, with the function that it replaces as the first upvalue.
inline void wrap(lua_State* L, const char* library, const char* name, lua_CFunction function) {
  lua_getglobal(L, library);
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

}  // namespace oast::kernel::lua
