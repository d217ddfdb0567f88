// Lua values as text for a person, without running any Lua code and without raising: these work on
// values in any state, also outside protected calls. The stack stays as it was.
#pragma once

#include <lua.hpp>
#include <span>
#include <string>
#include <string_view>

namespace oast::kernel::lua {

/// "a function", "a thread", "a userdata (FILE*)", "a number"
std::string kind_of(lua_State* L, int index);

/// Pushes what the metatable of the value has under `field`, and says true; else pushes nothing.
bool push_metafield(lua_State* L, int index, std::string_view field);

/// A function, or a value with __call.
bool is_callable(lua_State* L, int index);

/// The name in the metatable (__name), or nothing. Valid as long as the value.
std::string_view type_name_of(lua_State* L, int index);

/// The value as Lua code would have it, cut short: `"text"`, `3.5`, `{1, 2, code = 42}`,
/// `function: 0x55…`.
std::string describe(lua_State* L, int index);

/// How an expression goes on from a table to what it holds under the key at `index`: `.name`,
/// `[3]`,
/// `["two words"]`.
std::string path_step(lua_State* L, int index);

/// Could stand in Lua code as a name: letters, digits and _, no keyword.
bool is_name(std::string_view word);
bool is_keyword(std::string_view word);
std::span<const std::string_view> keywords();

/// The bytes of the string at `index`, which turns a number there into one. Valid as long as that.
std::string_view string_at(lua_State* L, int index);

/// A string literal.
std::string quoted(std::string_view word);

}  // namespace oast::kernel::lua
