// What frontends ask of code that is being edited. None of it runs any of the code.
#pragma once

#include <lua.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "oast/kernel/engine.hpp"
#include "sources.hpp"

namespace oast::kernel::lua {

/// Globals and keywords, fields behind '.', functions behind ':', also of string literals.
Completions complete(lua_State* L, std::string_view code, std::size_t cursor);

/// The global or field at the cursor, or the function whose arguments the cursor is in.
std::optional<std::string> inspect(lua_State* L, const Sources& sources, std::string_view code,
                                   std::size_t cursor, int detail);

/// By the rule of the lua program: what fails at the very end is incomplete.
Completeness completeness(lua_State* L, std::string_view code);

}  // namespace oast::kernel::lua
