#include "library.hpp"
#include "protected_call.hpp"

namespace oast::kernel::lua {

namespace {

// Coroutines ------------------------------------------------------------------------------------

lua_State* checked_coroutine(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTHREAD);
  return lua_tothread(L, 1);
}

/// Why `co` cannot be resumed or closed, as Lua says it; null when it is suspended.
const char* problem_of(lua_State* L, lua_State* co) {
  if (co == L) return "running";
  if (lua_status(co) == LUA_YIELD) return nullptr;
  if (lua_status(co) != LUA_OK) return "dead";
  lua_Debug frame;
  if (lua_getstack(co, 0, &frame) != 0) return "normal";
  return lua_gettop(co) == 0 ? "dead" : nullptr;
}

/// Runs the coroutine in sight of the interrupter. False when it is not to run any more.
bool run(lua_State* L, lua_State* co, int arguments, int& status, int& results) {
  Interrupter& interrupter = context_of(L).interrupter;
  const Interrupter::Running running(interrupter, co);
  // Only now: an interrupt that comes later finds the coroutine.
  if (interrupter.interrupted()) return false;
  status = lua_resume(co, L, arguments, &results);
  return true;
}

/// Moves `arguments` values from the top of L to the coroutine and resumes it. Returns the number
/// of results, moved to the top of L; -1 with an error object there.
int resume(lua_State* L, lua_State* co, int arguments) {
  if (const char* problem = problem_of(L, co)) {
    lua_pushfstring(L, "cannot resume %s coroutine", *problem == 'd' ? problem : "non-suspended");
    return -1;
  }
  if (lua_checkstack(co, arguments) == 0) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, arguments);
  int status = LUA_OK;
  int results = 0;
  if (!run(L, co, arguments, status, results)) raise_interrupt(L);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (lua_checkstack(L, results + 1) == 0) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

int coroutine_resume(lua_State* L) {
  lua_State* co = checked_coroutine(L);
  const int results = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, results < 0 ? 0 : 1);
  lua_insert(L, results < 0 ? -2 : -(results + 1));
  return results < 0 ? 2 : results + 1;
}

/// Closes the variables of a suspended or dead coroutine. Its status, with the error object on top
/// of `co` when that is one.
int close_in_sight(lua_State* L, lua_State* co) {
  const Interrupter::Running running(context_of(L).interrupter, co);
  return lua_resetthread(co);
}

int coroutine_close(lua_State* L) {
  lua_State* co = checked_coroutine(L);
  const char* problem = problem_of(L, co);
  if (problem != nullptr && *problem != 'd') {
    return luaL_error(L, "cannot close a %s coroutine", problem);
  }
  if (close_in_sight(L, co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

/// The function that coroutine.wrap returns; its upvalue is the coroutine.
int wrapped(lua_State* L) {
  lua_State* co = lua_tothread(L, lua_upvalueindex(1));
  const int results = resume(L, co, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = close_in_sight(L, co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

int coroutine_wrap(lua_State* L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State* co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

// xpcall ------------------------------------------------------------------------------------------

/// A message handler runs inside the hook that raised, where no hook can stop it. So a handler
/// written in Lua is not begun once the request is interrupted. The tail call leaves the levels
/// that a handler gives to debug.traceback as they are.
constexpr char kHandlerShim[] =
    "local interrupted, handler = ...\n"
    "return function(e)\n"
    "  if interrupted() then return e end\n"
    "  return handler(e)\n"
    "end";

constexpr char kShim = 's';  // its address is the key of the compiled shim in the registry

int is_interrupted(lua_State* L) {
  lua_pushboolean(L, context_of(L).interrupter.interrupted() ? 1 : 0);
  return 1;
}

/// The stack: the handler, true, the results or the error object.
int finish_xpcall(lua_State* L, int status, lua_KContext) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
  lua_pushboolean(L, 0);
  lua_pushvalue(L, -2);
  return 2;
}

void shield_handler(lua_State* L, int index) {
  if (lua_iscfunction(L, index) != 0) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kShim);
  lua_pushcfunction(L, is_interrupted);
  lua_pushvalue(L, index);
  lua_call(L, 2, 1);
  lua_replace(L, index);
}

int xpcall(lua_State* L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  const int arguments = lua_gettop(L) - 2;
  luaL_checkstack(L, 4, nullptr);
  shield_handler(L, 2);
  // function, handler, arguments -> handler, true, function, arguments
  lua_pushboolean(L, 1);
  lua_insert(L, 3);
  lua_pushvalue(L, 1);
  lua_insert(L, 4);
  lua_remove(L, 1);
  const int status = lua_pcallk(L, arguments, LUA_MULTRET, 1, 0, finish_xpcall);
  return finish_xpcall(L, status, 0);
}

// debug.sethook -----------------------------------------------------------------------------------

/// Its upvalue is Lua's own. A hook that the code sets works until an interrupt takes its place,
/// and is back in the next request.
int sethook(lua_State* L) {
  Interrupter& interrupter = context_of(L).interrupter;
  const int arguments = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  int status = LUA_OK;
  {
    const Interrupter::Hold hold(interrupter);
    status = lua_pcall(L, arguments, 0, 0);
  }
  if (interrupter.interrupted()) {
    interrupter.arm();
    raise_interrupt(L);
  }
  return status == LUA_OK ? 0 : lua_error(L);
}

}  // namespace

void open_interruptible(lua_State* L) {
  replace(L, "coroutine", "resume", coroutine_resume);
  replace(L, "coroutine", "wrap", coroutine_wrap);
  replace(L, "coroutine", "close", coroutine_close);
  if (luaL_loadbufferx(L, kHandlerShim, sizeof kHandlerShim - 1, "=xpcall", "t") != LUA_OK) {
    lua_error(L);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kShim);
  replace(L, "_G", "xpcall", xpcall);
  wrap(L, "debug", "sethook", sethook);
}

}  // namespace oast::kernel::lua
