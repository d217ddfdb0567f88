#include <cstring>

#include "errors.hpp"
#include "library.hpp"
#include "protected_call.hpp"

namespace oast::kernel::lua {

namespace {

// Output ------------------------------------------------------------------------------------------

/// One output for the whole line, so that lines of several writers do not mix.
int print(lua_State* L, Context& context) {
  const int top = lua_gettop(L);  // the buffer takes a place behind
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  for (int i = 1; i <= top; ++i) {
    if (i > 1) luaL_addchar(&line, '\t');
    luaL_tolstring(L, i, nullptr);
    luaL_addvalue(&line);
  }
  luaL_addchar(&line, '\n');
  context.streams.print(Stream::out, {luaL_buffaddr(&line), luaL_bufflen(&line)});
  return 0;
}

// Lua gives warnings in pieces; "@on" and "@off" as a whole switch them, as in the lua program, and
// they are off at first. What finalizers complain of while code is being interrupted is no news.

void print_warning(Context& context, const char* text, bool is_first, bool is_last) {
  if (is_first) context.streams.print(Stream::err, "Lua warning: ");
  context.streams.print(Stream::err, text);
  if (is_last) context.streams.print(Stream::err, "\n");
}

void on_warning(void* data, const char* text, int to_be_continued) {
  auto& context = *static_cast<Context*>(data);
  Warnings& warnings = context.warnings;
  const bool is_first = !warnings.in_message;
  const bool is_last = to_be_continued == 0;
  if (is_first && is_last && *text == '@') {
    if (std::strcmp(text, "@on") == 0) warnings.on = true;
    if (std::strcmp(text, "@off") == 0) warnings.on = false;
    return;
  }
  warnings.in_message = !is_last;
  if (!warnings.on || context.interrupter.interrupted()) return;
  try {
    print_warning(context, text, is_first, is_last);
  } catch (const Interrupted&) {
    context.interrupter.arm();
  } catch (const std::exception&) {
    warnings.on = false;  // it cannot be output, nor thrown through Lua
  }
}

// Processes ---------------------------------------------------------------------------------------

/// Lua's own function, the upvalue, with what was written before handed on: it stands before what
/// the child writes.
int flush_and_call(lua_State* L, Context& context) {
  context.streams.flush();
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

// Arguments are checked here too, where an error knows its place and the function's name.

int popen(lua_State* L, Context& context) {
  luaL_checkstring(L, 1);
  luaL_optstring(L, 2, nullptr);
  return flush_and_call(L, context);
}

int execute(lua_State* L, Context& context) {
  luaL_optstring(L, 1, nullptr);
  return flush_and_call(L, context);
}

/// os.exit([code]): true is 0, false 1. The state is not closed, as in Lua without its second
/// argument.
int exit_process(lua_State* L, Context& context) {
  int code = 0;
  if (lua_isboolean(L, 1)) {
    code = lua_toboolean(L, 1) != 0 ? 0 : 1;
  } else {
    code = static_cast<int>(luaL_optinteger(L, 1, 0));
  }
  context.streams.flush();
  context.services.exit(code);
  return 0;  // not reached
}

// Input -------------------------------------------------------------------------------------------

/// Pushes all that standard input still has.
void push_input(lua_State* L, Context& context) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  std::FILE* in = context.streams.in();
  std::clearerr(in);
  for (;;) {
    char* part = luaL_prepbuffer(&text);
    const std::size_t size = std::fread(part, 1, LUAL_BUFFERSIZE, in);
    if (size == 0) break;
    luaL_addsize(&text, size);
  }
  luaL_pushresult(&text);
}

int load_input(lua_State* L, Context& context, const char* mode) {
  push_input(L, context);
  std::size_t size = 0;
  const char* text = lua_tolstring(L, -1, &size);
  return luaL_loadbufferx(L, text, size, "=stdin", mode);
}

/// loadfile([file [, mode [, env]]])
int load_file(lua_State* L, Context& context) {
  const char* file = luaL_optstring(L, 1, nullptr);
  const char* mode = luaL_optstring(L, 2, nullptr);
  const bool has_env = !lua_isnone(L, 3);
  const int status = file != nullptr ? luaL_loadfilex(L, file, mode) : load_input(L, context, mode);
  if (status != LUA_OK) {
    luaL_pushfail(L);
    lua_insert(L, -2);
    return 2;
  }
  if (has_env) {
    lua_pushvalue(L, 3);
    if (lua_setupvalue(L, -2, 1) == nullptr) lua_pop(L, 1);
  }
  return 1;
}

int finish_do_file(lua_State* L, int, lua_KContext) { return lua_gettop(L) - 1; }

/// dofile([file])
int do_file(lua_State* L, Context& context) {
  const char* file = luaL_optstring(L, 1, nullptr);
  lua_settop(L, 1);
  const int status =
      file != nullptr ? luaL_loadfilex(L, file, nullptr) : load_input(L, context, nullptr);
  if (status != LUA_OK) return lua_error(L);
  lua_replace(L, 1);
  lua_settop(L, 1);
  lua_pushnil(L);  // a place below the results
  lua_insert(L, 1);
  lua_callk(L, 0, LUA_MULTRET, 0, finish_do_file);
  return finish_do_file(L, LUA_OK, 0);
}

/// debug.debug(): runs lines of input until one is "cont".
int debug_loop(lua_State* L, Context& context) {
  for (;;) {
    bool ended = false;
    int status = LUA_OK;
    {
      context.streams.flush();
      const std::optional<std::string> line = context.services.input("lua_debug> ", false);
      ended = !line || *line == "cont";
      if (!ended) status = luaL_loadbufferx(L, line->data(), line->size(), "=(debug command)", "t");
    }
    if (ended) return 0;
    if (status == LUA_OK) status = lua_pcall(L, 0, 0, 0);
    if (status != LUA_OK) {
      std::size_t size = 0;
      const char* message = luaL_tolstring(L, -1, &size);
      context.streams.print(Stream::err, {message, size});
      context.streams.print(Stream::err, "\n");
    }
    lua_settop(L, 0);
  }
}

// The standard files ------------------------------------------------------------------------------

/// close of a standard file: it stays open, as in Lua.
int stay_open(lua_State* L) {
  auto* stream = static_cast<luaL_Stream*>(luaL_checkudata(L, 1, LUA_FILEHANDLE));
  stream->closef = stay_open;
  luaL_pushfail(L);
  lua_pushliteral(L, "cannot close standard file");
  return 2;
}

/// Puts `file` at io[name], and makes it the default by calling io[chooser], if there is one. The
/// userdata.
const void* set_file(lua_State* L, std::FILE* file, const char* name, const char* chooser) {
  lua_getglobal(L, "io");
  auto* stream = static_cast<luaL_Stream*>(lua_newuserdatauv(L, sizeof(luaL_Stream), 0));
  stream->f = file;
  stream->closef = stay_open;
  luaL_setmetatable(L, LUA_FILEHANDLE);
  if (chooser != nullptr) {
    lua_getfield(L, -2, chooser);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
  }
  // So that its address stays its own, whatever the code does with io.
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, file);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
  return stream;
}

}  // namespace

void open_io(lua_State* L) {
  const Streams& streams = context_of(L).streams;
  Known& known = context_of(L).known;
  set_file(L, streams.in(), "stdin", "input");
  known.out = set_file(L, streams.out(), "stdout", "output");
  known.err = set_file(L, streams.err(), "stderr", nullptr);
  lua_setwarnf(L, on_warning, &context_of(L));
  replace(L, "_G", "print", guard<print>);
  replace(L, "_G", "loadfile", guard<load_file>);
  replace(L, "_G", "dofile", guard<do_file>);
  replace(L, "os", "exit", guard<exit_process>);
  replace(L, "debug", "debug", guard<debug_loop>);
  wrap(L, "io", "popen", guard<popen>);
  wrap(L, "os", "execute", guard<execute>);
}

}  // namespace oast::kernel::lua
