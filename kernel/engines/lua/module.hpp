// The module `oast`: what Lua code knows of the kernel it runs in.
#pragma once

#include <lua.hpp>
#include <optional>

#include "oast/ids.hpp"

namespace oast::kernel::lua {

/// Makes the module as global and for require. In protect.
void open_module(lua_State* L);

/// oast.null, which stands for nil in lists and maps. Pushes it; raises nothing.
void push_null(lua_State* L);
/// Makes the table at `index` one that goes out as a map, as oast.map does. Raises nothing.
void mark_as_map(lua_State* L, int index);
/// The channel at `index`, if it is one. Raises nothing.
std::optional<ChannelId> channel_at(lua_State* L, int index);

}  // namespace oast::kernel::lua
