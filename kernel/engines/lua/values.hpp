// Values between Lua and the wire.
#pragma once

#include <lua.hpp>

#include "oast/value.hpp"

namespace oast::kernel::lua {

/// Nested tables that a value may have: with the message, its body, and what the innermost one
/// holds, wire::Limits::depth. An error there would be too deep, which the codec refuses.
inline constexpr int kMaxDepth = 61;

/// The Lua value at `index` as a Value.
///
///   nil, oast.null      nil
///   boolean, integer, float   as they are
///   string              string if it is UTF-8, else bytes
///   table               a list if its keys are exactly 1 to n (also n = 0), else a map; always a
///   map
///                       if its metatable is that of oast.map, which tables that came in as maps
///                       have
///   userdata            the tensor, error or native value that came in as it
///
/// A map is in this order: numbers, strings, booleans, others. Raw access only: no metamethod is
/// called, no Lua code runs, no Lua error is raised; so it also works outside protected calls.
/// Throws RemoteException naming the place of what cannot be sent ("cannot send value.items[3]: a
/// function"), and Interrupted. Leaves the stack as it was unless it throws.
Value to_value(lua_State* L, int index);

/// All values from `first` to the top: nil if there is none, the value if there is one, else a
/// list. Alone, io.stdout and io.stderr are nil: io.write("x") returns one, and is not meant to
/// fail.
Value to_result(lua_State* L, int first);

/// Pushes what `to_value` reverses; nil inside lists and maps is oast.null. Lists become plain
/// tables. May raise Lua errors and throw: call it below a guard or in protect.
void push_value(lua_State* L, const Value& value);

}  // namespace oast::kernel::lua
