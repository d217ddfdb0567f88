#include "describe.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

#include "context.hpp"
#include "oast/utf8.hpp"
#include "userdata.hpp"

namespace oast::kernel::lua {

namespace {

constexpr int kMaxNesting = 2;
constexpr std::size_t kMaxFields = 16;
constexpr std::size_t kMaxText = 200;     // bytes of each string
constexpr std::size_t kMaxResult = 2000;  // of the whole

constexpr std::array kKeywords = std::to_array<std::string_view>(
    {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
     "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
     "repeat",   "return", "then", "true", "until",  "while"});

std::string number_text(lua_State* L, int index) {
  if (lua_isinteger(L, index) != 0) return std::to_string(lua_tointegerx(L, index, nullptr));
  std::array<char, 64> text;
  const int size =
      std::snprintf(text.data(), text.size(), LUA_NUMBER_FMT, lua_tonumberx(L, index, nullptr));
  std::string result(text.data(), static_cast<std::size_t>(size));
  // As Lua prints it: a float that looks like an integer gets its ".0".
  if (result.find_first_not_of("-0123456789") == std::string::npos) result += ".0";
  return result;
}

std::string text(lua_State* L, int index, int nesting);

/// The fields in their order: those of the sequence without keys, then names, then others.
std::string fields_text(lua_State* L, int table, int nesting) {
  std::vector<std::string> items;
  std::vector<std::string> named;
  bool cut = false;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (items.size() + named.size() == kMaxFields) {
      cut = true;
      lua_pop(L, 2);
      break;
    }
    const int key = lua_gettop(L) - 1;
    const std::string value = text(L, key + 1, nesting + 1);
    const auto next = static_cast<lua_Integer>(items.size()) + 1;
    if (lua_isinteger(L, key) != 0 && lua_tointegerx(L, key, nullptr) == next) {
      items.push_back(value);
    } else {
      const std::string step = path_step(L, key);
      named.push_back((step.front() == '.' ? step.substr(1) : step) + " = " + value);
    }
    lua_pop(L, 1);
  }
  std::sort(named.begin(), named.end());
  items.insert(items.end(), named.begin(), named.end());
  if (cut) items.emplace_back("…");
  std::string result;
  for (const std::string& item : items) result += (result.empty() ? "" : ", ") + item;
  return "{" + result + "}";
}

std::string address_text(lua_State* L, int index) {
  std::array<char, 32> address;
  const int size = std::snprintf(address.data(), address.size(), ": %p", lua_topointer(L, index));
  const std::string_view name = type_name_of(L, index);
  std::string result(name.empty() ? lua_typename(L, lua_type(L, index)) : name);
  return result.append(address.data(), static_cast<std::size_t>(size));
}

std::string text_of_userdata(lua_State* L, int index) {
  if (lua_touserdata(L, index) == context_of(L).known.null) return "null";
  if (const Value* held = userdata_value(L, index)) return userdata_text(*held);
  return address_text(L, index);
}

std::string text(lua_State* L, int index, int nesting) {
  switch (lua_type(L, index)) {
    case LUA_TNIL:
      return "nil";
    case LUA_TBOOLEAN:
      return lua_toboolean(L, index) != 0 ? "true" : "false";
    case LUA_TNUMBER:
      return number_text(L, index);
    case LUA_TSTRING:
      return quoted(string_at(L, index));
    case LUA_TUSERDATA:
      return text_of_userdata(L, index);
    case LUA_TTABLE:
      if (nesting > kMaxNesting || lua_checkstack(L, 4) == 0) return "{…}";
      return fields_text(L, lua_absindex(L, index), nesting);
    default:
      return address_text(L, index);
  }
}

}  // namespace

std::string_view string_at(lua_State* L, int index) {
  std::size_t size = 0;
  const char* data = lua_tolstring(L, index, &size);
  return {data, size};
}

bool push_metafield(lua_State* L, int index, std::string_view field) {
  if (lua_checkstack(L, 4) == 0 || lua_getmetatable(L, index) == 0) return false;
  // Not luaL_getmetafield: it makes a string of the name, and so might raise.
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && string_at(L, -2) == field) {
      lua_replace(L, -3);
      lua_pop(L, 1);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

bool is_callable(lua_State* L, int index) {
  if (lua_isfunction(L, index)) return true;
  if (!push_metafield(L, index, "__call")) return false;
  const bool callable = lua_isfunction(L, -1);
  lua_pop(L, 1);
  return callable;
}

std::string_view type_name_of(lua_State* L, int index) {
  if (!push_metafield(L, index, "__name")) return {};
  // The metatable keeps the string.
  const auto name = lua_type(L, -1) == LUA_TSTRING ? string_at(L, -1) : std::string_view{};
  lua_pop(L, 1);
  return name;
}

std::string kind_of(lua_State* L, int index) {
  const int type = lua_type(L, index);
  if (type == LUA_TNIL) return "nil";
  if (type == LUA_TLIGHTUSERDATA) return "a light userdata";
  const std::string_view name = type_name_of(L, index);
  if (type == LUA_TUSERDATA && name == "oast.channel") return "a channel";
  std::string result = "a " + std::string(lua_typename(L, type));
  if (type == LUA_TUSERDATA && !name.empty()) result += " (" + to_utf8(name) + ")";
  return result;
}

std::string describe(lua_State* L, int index) {
  std::string result = text(L, index, 0);
  if (result.size() <= kMaxResult) return result;
  return to_utf8(result.substr(0, kMaxResult)) + "…";
}

std::string path_step(lua_State* L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) {
    const std::string_view name = string_at(L, index);
    return is_name(name) ? "." + std::string(name) : "[" + quoted(name) + "]";
  }
  if (lua_type(L, index) == LUA_TTABLE) return "[a table]";
  return "[" + text(L, index, 0) + "]";
}

std::span<const std::string_view> keywords() { return kKeywords; }

bool is_keyword(std::string_view word) {
  return std::binary_search(kKeywords.begin(), kKeywords.end(), word);
}

bool is_name(std::string_view word) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !word.empty() && letter(word.front()) &&
         std::all_of(word.begin(), word.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); }) &&
         !is_keyword(word);
}

std::string quoted(std::string_view word) {
  std::string result = "\"";
  for (const char c : to_utf8(word.substr(0, kMaxText))) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + (word.size() > kMaxText ? "…\"" : "\"");
}

}  // namespace oast::kernel::lua
