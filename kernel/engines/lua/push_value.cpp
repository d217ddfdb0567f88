// Value to Lua. Everything here may raise, so nothing here has a destructor: see guard.hpp.
#include <climits>
#include <cmath>
#include <cstring>

#include "context.hpp"
#include "module.hpp"
#include "userdata.hpp"
#include "values.hpp"

namespace oast::kernel::lua {

namespace {

/// What comes over the wire is less deep; in one process it might not be.
constexpr int kMaxDepthIn = 64;

int size_hint(std::size_t size) { return size > INT_MAX ? INT_MAX : static_cast<int>(size); }

void push(lua_State* L, const Value& value, int depth);

void push_inside(lua_State* L, const Value& value, int depth) {
  if (value.is_nil()) {
    push_null(L);
  } else {
    push(L, value, depth);
  }
}

void push_list(lua_State* L, const Value::List& list, int depth) {
  lua_createtable(L, size_hint(list.size()), 0);
  lua_Integer i = 0;
  for (const Value& item : list) {
    push_inside(L, item, depth + 1);
    lua_rawseti(L, -2, ++i);
  }
}

template <class Item>
Item item_at(const char* data, std::size_t index) {
  Item item{};
  std::memcpy(&item, data + index * sizeof item, sizeof item);
  return item;
}

void push_packed(lua_State* L, const PackedList& list) {
  const DType dtype = list.dtype();
  const char* data = list.data().view().data();
  const std::size_t size = list.size();
  lua_createtable(L, size_hint(size), 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (dtype == DType::int64) {
      lua_pushinteger(L, item_at<std::int64_t>(data, i));
    } else if (dtype == DType::float64) {
      lua_pushnumber(L, item_at<double>(data, i));
    } else {
      lua_pushboolean(L, data[i]);
    }
    lua_rawseti(L, -2, static_cast<lua_Integer>(i) + 1);
  }
}

void push_map(lua_State* L, const Value::Map& map, int depth) {
  lua_createtable(L, 0, size_hint(map.size()));
  for (const auto& [key, item] : map) {
    if (const auto* real = std::get_if<double>(&key.variant()); real && std::isnan(*real)) {
      luaL_error(L, "a map has the key NaN, which no Lua table can have");
    }
    push_inside(L, key, depth + 1);
    push_inside(L, item, depth + 1);
    lua_rawset(L, -3);
  }
  mark_as_map(L, -1);
}

void push(lua_State* L, const Value& value, int depth) {
  if (depth > kMaxDepthIn) luaL_error(L, "a value is nested deeper than %d tables", kMaxDepthIn);
  luaL_checkstack(L, 4, "a value is nested too deep");
  if (const PackedList* packed = value.packed()) {
    push_packed(L, *packed);
    return;
  }
  const Value::Variant& v = value.variant();
  if (const auto* integer = std::get_if<std::int64_t>(&v)) {
    lua_pushinteger(L, *integer);
  } else if (const auto* real = std::get_if<double>(&v)) {
    lua_pushnumber(L, *real);
  } else if (const auto* text = std::get_if<std::string>(&v)) {
    lua_pushlstring(L, text->data(), text->size());
  } else if (const auto* boolean = std::get_if<bool>(&v)) {
    lua_pushboolean(L, *boolean ? 1 : 0);
  } else if (const auto* list = std::get_if<Value::List>(&v)) {
    push_list(L, *list, depth);
  } else if (const auto* map = std::get_if<Value::Map>(&v)) {
    push_map(L, *map, depth);
  } else if (const auto* bytes = std::get_if<Buffer>(&v)) {
    lua_pushlstring(L, bytes->view().data(), bytes->size());
  } else if (value.is_nil()) {
    lua_pushnil(L);
  } else {
    push_userdata(L, value);
  }
}

}  // namespace

void push_value(lua_State* L, const Value& value) { push(L, value, 1); }

}  // namespace oast::kernel::lua
