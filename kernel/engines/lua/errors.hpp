// Lua errors as failures.
#pragma once

#include <lua.hpp>

#include "oast/error.hpp"

namespace oast::kernel::lua {

/// The message handler of protected calls on the main state: describes the error object, takes the
/// traceback, and leaves both in Context::error. Costs nothing unless an error occurs.
int on_error(lua_State* L);

/// RemoteException for what the compiler said, which is on top of the stack.
[[noreturn]] void throw_syntax_error(lua_State* L, int status);

}  // namespace oast::kernel::lua
