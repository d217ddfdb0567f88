#include "userdata.hpp"

#include <array>
#include <new>

#include "context.hpp"
#include "protected_call.hpp"
#include "tensor.hpp"

namespace oast::kernel::lua {

namespace {

// Addresses are the keys of the metatables in the registry.
constexpr char kTensor = 't';
constexpr char kFailure = 'f';
constexpr char kNative = 'n';

// Lua aligns userdata for this much.
static_assert(alignof(Value) <= alignof(lua_Number));

const Value& checked(lua_State* L, const char* type) {
  return *static_cast<const Value*>(luaL_checkudata(L, 1, type));
}

int collect(lua_State* L) {
  if (userdata_value(L, 1) == nullptr) return 0;
  static_cast<Value*>(lua_touserdata(L, 1))->~Value();
  // Code that calls __gc itself, or revives the object, must not find a dead one.
  lua_pushnil(L);
  lua_setmetatable(L, 1);
  return 0;
}

void push_text(lua_State* L, std::string_view text) {
  lua_pushlstring(L, text.data(), text.size());
}

/// tostring: the text is made first, and pushed from a buffer without a destructor.
int to_string(lua_State* L) {
  std::array<char, 512> text;
  std::size_t size = 0;
  if (const Value* value = userdata_value(L, 1))
    size = userdata_text(*value).copy(text.data(), text.size());
  push_text(L, {text.data(), size});
  return 1;
}

int failure_index(lua_State* L) {
  const Failure& failure = *failure_in(checked(L, "oast.error"));
  const std::string_view field = luaL_checkstring(L, 2);
  if (field == "message") {
    push_text(L, failure.message);
  } else if (field == "kind") {
    push_text(L, to_string(failure.kind));
  } else if (field == "type") {
    push_text(L, failure.type);
  } else if (field == "traceback") {
    lua_createtable(L, static_cast<int>(failure.traceback.size()), 0);
    for (std::size_t i = 0; i < failure.traceback.size(); ++i) {
      push_text(L, failure.traceback[i]);
      lua_rawseti(L, -2, static_cast<lua_Integer>(i) + 1);
    }
  } else {
    lua_pushnil(L);
  }
  return 1;
}

int native_index(lua_State* L) {
  const auto& native = std::get<Native>(checked(L, "oast.native").variant());
  if (std::string_view(luaL_checkstring(L, 2)) == "format") {
    push_text(L, native.format);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

int native_size(lua_State* L) {
  const auto& native = std::get<Native>(checked(L, "oast.native").variant());
  lua_pushinteger(L, static_cast<lua_Integer>(native.data.size()));
  return 1;
}

int tensor_size(lua_State* L) {
  lua_pushinteger(L, element_count(std::get<Tensor>(checked(L, "oast.tensor").variant())));
  return 1;
}

/// The metatable stays in the registry; its address goes to `known`.
void make_metatable(lua_State* L, const char* name, const char* key, const void*& known,
                    lua_CFunction index, lua_CFunction size) {
  luaL_newmetatable(L, name);
  known = lua_topointer(L, -1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, guard<to_string>);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, index);
  lua_setfield(L, -2, "__index");
  if (size != nullptr) {
    lua_pushcfunction(L, size);
    lua_setfield(L, -2, "__len");
  }
  // Without it code could give its own userdata this metatable, or take ours away.
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

}  // namespace

void open_userdata(lua_State* L) {
  Known& known = context_of(L).known;
  make_metatable(L, "oast.tensor", &kTensor, known.tensor, guard<tensor_index>, tensor_size);
  make_metatable(L, "oast.error", &kFailure, known.failure, failure_index, nullptr);
  make_metatable(L, "oast.native", &kNative, known.native, native_index, native_size);
}

void push_userdata(lua_State* L, const Value& value) {
  void* place = lua_newuserdatauv(L, sizeof(Value), 0);
  new (place) Value(value);
  // From here on nothing raises or throws before __gc is in charge.
  const char* key = &kFailure;
  if (std::holds_alternative<Tensor>(value.variant())) key = &kTensor;
  if (std::holds_alternative<Native>(value.variant())) key = &kNative;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  lua_setmetatable(L, -2);
}

const Value* userdata_value(lua_State* L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_getmetatable(L, index) == 0) return nullptr;
  const void* metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  const Known& known = context_of(L).known;
  if (metatable != known.tensor && metatable != known.failure && metatable != known.native) {
    return nullptr;
  }
  return static_cast<const Value*>(lua_touserdata(L, index));
}

const Failure* failure_in(const Value& value) {
  const auto* box = std::get_if<Boxed<Failure>>(&value.variant());
  return box == nullptr ? nullptr : &**box;
}

std::string userdata_text(const Value& value) {
  if (const Failure* failure = failure_in(value)) return failure->message;
  if (const auto* tensor = std::get_if<Tensor>(&value.variant())) {
    std::string text = "tensor " + std::string(to_string(tensor->dtype)) + " [";
    for (std::size_t i = 0; i < tensor->shape.size(); ++i) {
      text += (i == 0 ? "" : ", ") + std::to_string(tensor->shape[i]);
    }
    return text + "]";
  }
  const auto& native = std::get<Native>(value.variant());
  return "native " + native.format + " (" + std::to_string(native.data.size()) + " bytes)";
}

}  // namespace oast::kernel::lua
