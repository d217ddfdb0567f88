// Names in code that is being edited, and what they stand for now.
#pragma once

#include <lua.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lexer.hpp"

namespace oast::kernel::lua {

/// `a.b.c` or `a.b:c`, or the same on a string: `("text"):c`.
struct NamePath {
  bool of_string = false;               ///< begins with a string literal, before the first name
  std::vector<std::string_view> names;  ///< empty: the string itself

  std::string text() const;  ///< "a.b.c"
};

/// The chain that ends with the last of `tokens`; nothing when that is part of something else, such
/// as a field of what a call returns.
std::optional<NamePath> name_path_at_end(std::span<const Token> tokens);

/// Pushes the value of the chain and says true, or pushes nothing. Calls no metamethods: follows
/// __index only where it is a table.
bool push_chain(lua_State* L, const NamePath& chain);

/// Calls `visit(name)` for the string keys of the value on top, and of what its __index leads to,
/// with the key and its value on top of the stack. Raises nothing; pops nothing.
template <class Visit>
void for_each_field(lua_State* L, Visit visit);

/// From a value on top to the table that its fields are looked up in next: replaces the value by
/// its metatable's __index if that is a table, and says true; else pops it.
bool next_in_lookup(lua_State* L);

inline constexpr int kMaxLookups = 16;  ///< of __index, which may go round in a circle

template <class Visit>
void for_each_field(lua_State* L, Visit visit) {
  lua_pushvalue(L, -1);
  for (int lookup = 0;; ++lookup) {
    if (lookup == kMaxLookups) {
      lua_pop(L, 1);
      return;
    }
    if (lua_istable(L, -1)) {
      lua_pushnil(L);
      while (lua_next(L, -2) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING) {
          std::size_t size = 0;
          const char* name = lua_tolstring(L, -2, &size);
          visit(std::string_view(name, size));
        }
        lua_pop(L, 1);
      }
    }
    if (!next_in_lookup(L)) return;
  }
}

}  // namespace oast::kernel::lua
