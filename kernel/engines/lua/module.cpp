#include "module.hpp"

#include "protected_call.hpp"
#include "values.hpp"

namespace oast::kernel::lua {

namespace {

// Addresses are keys in the registry.
constexpr char kNull = '0';
constexpr char kMap = 'm';
constexpr char kChannelType[] = "oast.channel";

ChannelId checked_channel(lua_State* L) {
  return *static_cast<const ChannelId*>(luaL_checkudata(L, 1, kChannelType));
}

/// oast.channel([capacity])
int make_channel(lua_State* L, Context& context) {
  const lua_Integer capacity = luaL_optinteger(L, 1, 1);
  luaL_argcheck(L, capacity >= 0, 1, "a capacity of at least 0 wanted");
  auto* id = static_cast<ChannelId*>(lua_newuserdatauv(L, sizeof(ChannelId), 0));
  *id = context.services.make_channel(static_cast<std::size_t>(capacity));
  luaL_setmetatable(L, kChannelType);
  return 1;
}

int put(lua_State* L, Context& context) {
  const ChannelId id = checked_channel(L);
  luaL_checkany(L, 2);
  context.services.put(id, to_value(L, 2));
  return 0;
}

int push_taken(lua_State* L) {
  const auto& value = *static_cast<const Value*>(lua_touserdata(L, 1));
  if (value.is_nil()) {
    push_null(L);
  } else {
    push_value(L, value);
  }
  return 1;
}

/// The value, a nil as oast.null; nil when the channel is closed and empty.
///
/// The value must be freed also when pushing it raises: hence the protected call.
int take(lua_State* L, Context& context) {
  const ChannelId id = checked_channel(L);
  luaL_checkstack(L, 4, nullptr);
  int status = LUA_OK;
  {
    const std::optional<Value> value = context.services.take(id);
    if (!value) {
      lua_pushnil(L);
      return 1;
    }
    lua_pushcfunction(L, guard<push_taken>);
    lua_pushlightuserdata(L, const_cast<Value*>(&*value));
    status = lua_pcall(L, 1, 1, 0);
  }
  return status == LUA_OK ? 1 : lua_error(L);
}

int ready(lua_State* L, Context& context) {
  lua_pushboolean(L, context.services.ready(checked_channel(L)) ? 1 : 0);
  return 1;
}

int close(lua_State* L, Context& context) {
  context.services.close(checked_channel(L));
  return 0;
}

/// for v in ch:values() do ... end
int values(lua_State* L) {
  checked_channel(L);
  lua_pushcfunction(L, guard<take>);
  lua_pushvalue(L, 1);
  return 2;
}

int channel_text(lua_State* L) {
  lua_pushfstring(L, "channel %I", static_cast<lua_Integer>(checked_channel(L).value));
  return 1;
}

int null_text(lua_State* L) {
  lua_pushliteral(L, "null");
  return 1;
}

/// oast.map([t]): the table goes out as a map, also when it is empty or looks like a list.
int map(lua_State* L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, lua_getmetatable(L, 1) == 0, 1, "a table without a metatable wanted");
  lua_settop(L, 1);
  mark_as_map(L, 1);
  return 1;
}

void make_null(lua_State* L) {
  context_of(L).known.null = lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "oast.null");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, null_text);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "oast.null");
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kNull);
}

void make_channel_type(lua_State* L) {
  static constexpr luaL_Reg kMethods[] = {{"put", guard<put>},     {"take", guard<take>},
                                          {"ready", guard<ready>}, {"close", guard<close>},
                                          {"values", values},      {nullptr, nullptr}};
  luaL_newmetatable(L, kChannelType);
  context_of(L).known.channel = lua_topointer(L, -1);
  luaL_newlib(L, kMethods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, channel_text);
  lua_setfield(L, -2, "__tostring");
  lua_pushstring(L, kChannelType);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

int open(lua_State* L) {
  static constexpr luaL_Reg kFunctions[] = {
      {"channel", guard<make_channel>}, {"map", map}, {nullptr, nullptr}};
  luaL_newlib(L, kFunctions);
  push_null(L);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, OAST_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}

}  // namespace

void open_module(lua_State* L) {
  make_null(L);
  make_channel_type(L);
  lua_newtable(L);
  context_of(L).known.map = lua_topointer(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kMap);
  luaL_requiref(L, "oast", open, 1);
  lua_pop(L, 1);
}

void push_null(lua_State* L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &kNull); }

void mark_as_map(lua_State* L, int index) {
  index = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kMap);
  lua_setmetatable(L, index);
}

std::optional<ChannelId> channel_at(lua_State* L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_getmetatable(L, index) == 0) return std::nullopt;
  const void* metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  if (metatable != context_of(L).known.channel) return std::nullopt;
  return *static_cast<const ChannelId*>(lua_touserdata(L, index));
}

}  // namespace oast::kernel::lua
