#include "name_path.hpp"

#include <algorithm>

#include "describe.hpp"
#include "protected_call.hpp"

namespace oast::kernel::lua {

namespace {

bool is_separator(const Token& token) { return token.is(".") || token.is(":"); }

/// `tokens` end with a string literal that a chain can begin with: "text" or ("text").
bool ends_with_string(std::span<const Token> tokens) {
  if (tokens.empty()) return false;
  if (tokens.back().kind == Token::Kind::string) return true;
  return tokens.size() >= 3 && tokens.back().is(")") &&
         tokens[tokens.size() - 2].kind == Token::Kind::string && tokens[tokens.size() - 3].is("(");
}

/// Replaces the value on top by its field and says true, else pops it.
bool step_into(lua_State* L, std::string_view name) {
  for (int lookup = 0; lookup < kMaxLookups; ++lookup) {
    if (lua_istable(L, -1)) {
      lua_pushnil(L);
      while (lua_next(L, -2) != 0) {
        std::size_t size = 0;
        const bool is_string = lua_type(L, -2) == LUA_TSTRING;
        const char* key = is_string ? lua_tolstring(L, -2, &size) : nullptr;
        if (is_string && std::string_view(key, size) == name) {
          lua_replace(L, -3);
          lua_pop(L, 1);
          return true;
        }
        lua_pop(L, 1);
      }
    }
    if (!next_in_lookup(L)) return false;
  }
  lua_pop(L, 1);
  return false;
}

}  // namespace

std::string NamePath::text() const {
  std::string result;
  for (const std::string_view name : names) {
    if (!result.empty()) result += '.';
    result += name;
  }
  return result;
}

std::optional<NamePath> name_path_at_end(std::span<const Token> tokens) {
  NamePath chain;
  while (!tokens.empty() && tokens.back().kind == Token::Kind::name) {
    chain.names.push_back(tokens.back().text);
    tokens = tokens.first(tokens.size() - 1);
    if (tokens.empty() || !is_separator(tokens.back())) {
      std::reverse(chain.names.begin(), chain.names.end());
      return chain;
    }
    tokens = tokens.first(tokens.size() - 1);
  }
  if (!ends_with_string(tokens)) return std::nullopt;
  chain.of_string = true;
  std::reverse(chain.names.begin(), chain.names.end());
  return chain;
}

bool push_chain(lua_State* L, const NamePath& chain) {
  if (lua_checkstack(L, LUA_MINSTACK) == 0) return false;
  if (chain.of_string) {
    protect(L, 0, 1, [L] { lua_pushliteral(L, ""); });
  } else {
    lua_pushglobaltable(L);
  }
  return std::all_of(chain.names.begin(), chain.names.end(),
                     [L](std::string_view name) { return step_into(L, name); });
}

bool next_in_lookup(lua_State* L) {
  if (!push_metafield(L, -1, "__index")) {
    lua_pop(L, 1);
    return false;
  }
  lua_replace(L, -2);
  if (lua_istable(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

}  // namespace oast::kernel::lua
