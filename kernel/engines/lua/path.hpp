// Functions by name.
#pragma once

#include <lua.hpp>
#include <string_view>

namespace oast::kernel::lua {

/// "obj.list:method": the last name is that of a method.
bool names_method(std::string_view path);

/// Pushes the function that the dotted path names from the globals on, and, if it is a method, its
/// object. Indexes as Lua code does, so it may run code and raise. Throws Error(not_found) saying
/// which part is missing. In protect.
void push_function(lua_State* L, std::string_view path);

}  // namespace oast::kernel::lua
