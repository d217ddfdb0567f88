#include "path.hpp"

#include <algorithm>
#include <string>

#include "describe.hpp"
#include "oast/error.hpp"

namespace oast::kernel::lua {

namespace {

[[noreturn]] void missing(std::string_view path, const std::string& why) {
  throw Error(FailureKind::not_found, "`" + std::string(path) + "`: " + why);
}

bool is_indexable(lua_State* L, int index) {
  if (lua_istable(L, index)) return true;
  if (!push_metafield(L, index, "__index")) return false;
  lua_pop(L, 1);
  return true;
}

/// Pushes field `name` of the value on top. `before` is the path of that value, empty for globals.
void push_field(lua_State* L, std::string_view path, std::string_view before,
                std::string_view name) {
  if (name.empty()) missing(path, "a name is empty");
  if (!is_indexable(L, -1)) missing(path, std::string(before) + " is " + kind_of(L, -1));
  lua_pushlstring(L, name.data(), name.size());
  if (lua_gettable(L, -2) != LUA_TNIL) return;
  const std::string quoted_name = "'" + std::string(name) + "'";
  missing(path, before.empty() ? "no global " + quoted_name
                               : "no field " + quoted_name + " in " + std::string(before));
}

std::size_t method_colon(std::string_view path) {
  const std::size_t colon = path.rfind(':');
  const bool is_last =
      colon != std::string_view::npos && path.find('.', colon) == std::string_view::npos;
  return is_last ? colon : std::string_view::npos;
}

}  // namespace

bool names_method(std::string_view path) { return method_colon(path) != std::string_view::npos; }

void push_function(lua_State* L, std::string_view path) {
  const std::size_t colon = method_colon(path);
  lua_pushglobaltable(L);
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = std::min({path.find('.', begin), colon, path.size()});
    const std::string_view before = path.substr(0, begin == 0 ? 0 : begin - 1);
    push_field(L, path, before, path.substr(begin, end - begin));
    lua_remove(L, -2);
    begin = end + 1;
    if (end == colon || end == path.size()) break;
  }
  if (colon != std::string_view::npos) {
    push_field(L, path, path.substr(0, colon), path.substr(colon + 1));
    lua_insert(L, -2);
  }
  const int function = colon != std::string_view::npos ? -2 : -1;
  if (!is_callable(L, function)) {
    missing(path, "it is " + kind_of(L, function) + ", not a function");
  }
}

}  // namespace oast::kernel::lua
