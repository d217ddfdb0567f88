#include "errors.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "describe.hpp"
#include "oast/utf8.hpp"
#include "protected_call.hpp"
#include "userdata.hpp"

namespace oast::kernel::lua {

namespace {

/// Lines of luaL_traceback without the head "stack traceback:", and outermost first: failures have
/// the innermost last in every language.
std::vector<std::string> traceback_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t newline = text.find('\n'); newline != std::string_view::npos;) {
    text.remove_prefix(newline + 1);
    newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    lines.push_back(to_utf8(line));
  }
  // The function of `protect`, which is ours.
  if (!lines.empty() && lines.back() == "[C]: in ?") lines.pop_back();
  std::reverse(lines.begin(), lines.end());
  return lines;
}

/// Without running code: what the error object at `index` says by itself.
std::string message_of(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TSTRING:
      return to_utf8(string_at(L, index));
    case LUA_TNUMBER:
      return describe(L, index);
    case LUA_TTABLE:
      return "error object: " + describe(L, index);
    case LUA_TNIL:
      return "the error object is nil";
    default:
      break;
  }
  if (const Value* held = userdata_value(L, index)) return userdata_text(*held);
  return "error object: " + describe(L, index);
}

std::string type_of(lua_State* L, int index) {
  if (const Value* held = userdata_value(L, index)) {
    const Failure* failure = failure_in(*held);
    if (failure != nullptr && !failure->type.empty()) return failure->type;
  }
  const std::string_view name = type_name_of(L, index);
  // Strings have a metatable too, and may have been given a name.
  if (name.empty() || lua_type(L, index) == LUA_TSTRING) return "runtime error";
  return to_utf8(name);
}

Failure failure_of(lua_State* L, int index) {
  return {.kind = FailureKind::remote_exception,
          .message = message_of(L, index),
          .type = type_of(L, index)};
}

/// The stack: the error object; its text by __tostring, or nil; the traceback.
int keep_error(lua_State* L, Context& context) {
  Failure failure = failure_of(L, 1);
  if (lua_type(L, 2) == LUA_TSTRING) failure.message = to_utf8(string_at(L, 2));
  failure.traceback = traceback_lines(string_at(L, 3));
  context.error = std::move(failure);
  lua_settop(L, 1);
  return 1;
}

}  // namespace

int on_error(lua_State* L) {
  Context& context = context_of(L);
  // The error of a hook: nobody will ask for its traceback, and code must not run any more.
  if (context.interrupter.interrupted()) return 1;
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
    lua_pushnil(L);
  } else {
    lua_settop(L, 1);
    luaL_tolstring(L, 1, nullptr);
  }
  luaL_traceback(L, L, nullptr, 1);
  return guard<keep_error>(L);
}

void throw_error(lua_State* L, int status) {
  Context& context = context_of(L);
  std::optional<Failure> collected = std::move(context.error);
  context.error.reset();
  if (context.interrupter.interrupted()) throw Interrupted{};
  // No memory, or an error in the message handler: it was not called, or did not end.
  if (status != LUA_ERRRUN || !collected) collected = failure_of(L, -1);
  throw RemoteException(*std::move(collected));
}

void throw_syntax_error(lua_State* L, int status) {
  Failure failure = failure_of(L, -1);
  if (status == LUA_ERRSYNTAX) failure.type = "syntax error";
  throw RemoteException(std::move(failure));
}

}  // namespace oast::kernel::lua
