#include "tensor.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "protected_call.hpp"

namespace oast::kernel::lua {

namespace {

constexpr std::size_t kMaxDimensions = 64;

const Tensor& checked(lua_State* L) {
  const auto* value = static_cast<const Value*>(luaL_checkudata(L, 1, "oast.tensor"));
  return std::get<Tensor>(value->variant());
}

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void push_unsigned(lua_State* L, std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(LUA_MAXINTEGER)) {
    lua_pushinteger(L, static_cast<lua_Integer>(value));
  } else {
    lua_pushnumber(L, static_cast<lua_Number>(value));
  }
}

void push_complex(lua_State* L, double re, double im) {
  lua_createtable(L, 2, 0);
  lua_pushnumber(L, re);
  lua_rawseti(L, -2, 1);
  lua_pushnumber(L, im);
  lua_rawseti(L, -2, 2);
}

/// Element `index` from 0.
void push_element(lua_State* L, const Tensor& tensor, std::int64_t index) {
  // Always so when it came over the wire; a host in our process may have made it wrong.
  if (index >= element_count(tensor)) luaL_error(L, "the tensor has less data than its shape says");
  const std::size_t size = item_size(tensor.dtype);
  const std::byte* at = tensor.data.bytes().data() + static_cast<std::size_t>(index) * size;
  switch (tensor.dtype) {
    case DType::bool8:
      lua_pushboolean(L, load<std::uint8_t>(at));
      break;
    case DType::int8:
      lua_pushinteger(L, load<std::int8_t>(at));
      break;
    case DType::uint8:
      lua_pushinteger(L, load<std::uint8_t>(at));
      break;
    case DType::int16:
      lua_pushinteger(L, load<std::int16_t>(at));
      break;
    case DType::uint16:
      lua_pushinteger(L, load<std::uint16_t>(at));
      break;
    case DType::int32:
      lua_pushinteger(L, load<std::int32_t>(at));
      break;
    case DType::uint32:
      lua_pushinteger(L, load<std::uint32_t>(at));
      break;
    case DType::int64:
      lua_pushinteger(L, load<std::int64_t>(at));
      break;
    case DType::uint64:
      push_unsigned(L, load<std::uint64_t>(at));
      break;
    case DType::float16:
      lua_pushnumber(L, half_to_double(load<std::uint16_t>(at)));
      break;
    case DType::float32:
      lua_pushnumber(L, load<float>(at));
      break;
    case DType::float64:
      lua_pushnumber(L, load<double>(at));
      break;
    case DType::complex64:
      push_complex(L, load<float>(at), load<float>(at + 4));
      break;
    case DType::complex128:
      push_complex(L, load<double>(at), load<double>(at + 8));
      break;
  }
}

int get(lua_State* L) {
  const Tensor& tensor = checked(L);
  const int dimensions = static_cast<int>(tensor.shape.size());
  if (lua_gettop(L) - 1 != dimensions) {
    return luaL_error(L, "%d indices wanted, one for each dimension, got %d", dimensions,
                      lua_gettop(L) - 1);
  }
  std::int64_t index = 0;
  for (int d = 0; d < dimensions; ++d) {
    const lua_Integer i = luaL_checkinteger(L, d + 2);
    const std::int64_t extent = tensor.shape[static_cast<std::size_t>(d)];
    luaL_argcheck(L, i >= 1 && i <= extent, d + 2, "out of range");
    index = index * extent + (i - 1);
  }
  push_element(L, tensor, index);
  return 1;
}

/// Pushes dimensions `d` and beyond from element `index` on; returns the index behind them.
std::int64_t push_nested(lua_State* L, const Tensor& tensor, std::size_t d, std::int64_t index) {
  if (d == tensor.shape.size()) {
    push_element(L, tensor, index);
    return index + 1;
  }
  luaL_checkstack(L, 4, "too many dimensions");
  const std::int64_t extent = tensor.shape[d];
  lua_createtable(L, static_cast<int>(std::min<std::int64_t>(extent, 1 << 24)), 0);
  for (std::int64_t i = 1; i <= extent; ++i) {
    index = push_nested(L, tensor, d + 1, index);
    lua_rawseti(L, -2, i);
  }
  return index;
}

int to_table(lua_State* L) {
  const Tensor& tensor = checked(L);
  if (tensor.shape.size() > kMaxDimensions) luaL_error(L, "too many dimensions");
  if (element_count(tensor) == 0) {
    lua_newtable(L);  // {1000000, 0} is no reason to make a million tables
  } else {
    push_nested(L, tensor, 0, 0);
  }
  return 1;
}

void push_shape(lua_State* L, const Tensor& tensor) {
  lua_createtable(L, static_cast<int>(tensor.shape.size()), 0);
  lua_Integer i = 0;
  for (const std::int64_t extent : tensor.shape) {
    lua_pushinteger(L, extent);
    lua_rawseti(L, -2, ++i);
  }
}

}  // namespace

std::int64_t element_count(const Tensor& tensor) {
  return static_cast<std::int64_t>(tensor.data.size() / item_size(tensor.dtype));
}

int tensor_index(lua_State* L) {
  const Tensor& tensor = checked(L);
  if (lua_isinteger(L, 2) != 0) {
    const lua_Integer i = lua_tointeger(L, 2);
    if (i < 1 || i > element_count(tensor)) {
      lua_pushnil(L);
    } else {
      push_element(L, tensor, i - 1);
    }
    return 1;
  }
  const std::string_view field = luaL_checkstring(L, 2);
  if (field == "get") {
    lua_pushcfunction(L, guard<get>);
  } else if (field == "totable") {
    lua_pushcfunction(L, guard<to_table>);
  } else if (field == "shape") {
    push_shape(L, tensor);
  } else if (field == "dtype") {
    lua_pushstring(L, to_string(tensor.dtype).data());  // a literal
  } else {
    lua_pushnil(L);
  }
  return 1;
}

}  // namespace oast::kernel::lua
