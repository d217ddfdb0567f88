#include "lua_engine.hpp"

#include <new>

#include "describe.hpp"
#include "editing.hpp"
#include "errors.hpp"
#include "library.hpp"
#include "module.hpp"
#include "oast/kernel/lua.hpp"
#include "path.hpp"
#include "protected_call.hpp"
#include "userdata.hpp"
#include "values.hpp"

namespace oast::kernel::lua {

namespace {

constexpr int kFirst = kHandler + 1;  // the stack's first slot that requests use

/// One request: however it ends, the state is ready for the next.
class Turn {
 public:
  Turn(lua_State* L, Context& context) : state_(L), context_(context) {
    context.interrupter.begin();
  }
  ~Turn() {
    context_.streams.end_request();
    lua_settop(state_, kHandler);
    context_.interrupter.end();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  lua_State* state_;
  Context& context_;
};

[[noreturn]] void refuse(FailureKind kind, std::string message) {
  raise(Failure{.kind = kind,
                .message = std::move(message),
                .type = kind == FailureKind::remote_exception ? "runtime error" : ""});
}

/// The function `body()`, any memory that C++ lacks being the code's error, as Lua's is.
template <class Body>
auto within_memory(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    refuse(FailureKind::remote_exception, "not enough memory");
  }
}

std::string chunk_name(std::string_view source_name) { return "@" + std::string(source_name); }

}  // namespace

LuaEngine::LuaEngine(Services& services) : context_(services), state_(luaL_newstate()) {
  if (!state_) throw std::bad_alloc{};
  lua_State* L = state_.get();
  *static_cast<Context**>(lua_getextraspace(L)) = &context_;
  context_.interrupter.attach(L);
  lua_pushcfunction(L, on_error);
  protect(L, 0, 0, [this, L] {
    luaL_openlibs(L);
    open_userdata(L);
    open_module(L);
    open_io(L);
    open_interruptible(L);
    chunks_.open(L);
  });
}

LuaEngine::~LuaEngine() { context_.warnings.on = false; }

Value LuaEngine::eval(const EvalRequest& request) {
  const Turn turn(state_.get(), context_);
  return within_memory([&] {
    if (request.source_name.empty()) {
      load(request.code, "=eval");
    } else {
      load(request.code, chunk_name(request.source_name));
    }
    push_arguments(request.args);
    return run(request, static_cast<int>(request.args.size()));
  });
}

Value LuaEngine::call(const CallRequest& request) {
  const Turn turn(state_.get(), context_);
  return within_memory([&] {
    int self = 0;
    if (request.source.empty()) {
      self = resolve(request.function);
    } else {
      load_function(request.source);
    }
    push_arguments(request.args);
    return run(request, self + static_cast<int>(request.args.size()));
  });
}

void LuaEngine::load(std::string_view code, std::string_view chunk) {
  context_.sources.remember(chunk, code);
  chunks_.load(state_.get(), code, chunk);
}

/// Pushes the function at `path`, and its object if it is a method; returns how many of these are
/// arguments.
int LuaEngine::resolve(std::string_view path) {
  lua_State* L = state_.get();
  const int objects = names_method(path) ? 1 : 0;
  protect(L, 0, 1 + objects, [&] { push_function(L, path); });
  return objects;
}

/// Pushes the function that the source gives: it is one, as an expression, or returns one.
void LuaEngine::load_function(std::string_view source) {
  lua_State* L = state_.get();
  load(source, "=call");
  const int status = lua_pcall(L, 0, 1, kHandler);
  if (status != LUA_OK) throw_error(L, status);
  if (!is_callable(L, -1)) {
    refuse(FailureKind::remote_exception,
           "the source gives " + kind_of(L, -1) + ", not a function");
  }
}

void LuaEngine::push_arguments(const std::vector<Value>& values) {
  if (values.empty()) return;
  lua_State* L = state_.get();
  const bool fits = values.size() < static_cast<std::size_t>(LUAI_MAXSTACK) &&
                    lua_checkstack(L, static_cast<int>(values.size()) + LUA_MINSTACK) != 0;
  if (!fits) refuse(FailureKind::remote_exception, "too many arguments");
  const int count = static_cast<int>(values.size());
  protect(L, 0, count, [&] {
    luaL_checkstack(L, count, "too many arguments");
    for (const Value& value : values) push_value(L, value);
  });
}

/// Calls the function below the `arguments` topmost values.
template <class Request>
Value LuaEngine::run(const Request& request, int arguments) {
  lua_State* L = state_.get();
  const int wanted = request.want_channel ? 1 : request.want_value ? LUA_MULTRET : 0;
  const int status = lua_pcall(L, arguments, wanted, kHandler);
  if (status != LUA_OK) throw_error(L, status);
  if (!request.want_channel) return to_result(L, kFirst);
  const std::optional<ChannelId> channel = channel_at(L, kFirst);
  if (!channel) {
    refuse(FailureKind::remote_exception, "a channel is wanted, not " + kind_of(L, kFirst));
  }
  return {static_cast<std::int64_t>(channel->value)};
}

Completions LuaEngine::complete(std::string_view code, std::uint32_t cursor) {
  const Turn turn(state_.get(), context_);
  return lua::complete(state_.get(), code, cursor);
}

std::optional<std::string> LuaEngine::inspect(std::string_view code, std::uint32_t cursor,
                                              int detail) {
  const Turn turn(state_.get(), context_);
  return lua::inspect(state_.get(), context_.sources, code, cursor, detail);
}

Completeness LuaEngine::is_complete(std::string_view code) {
  const Turn turn(state_.get(), context_);
  return completeness(state_.get(), code);
}

}  // namespace oast::kernel::lua

namespace oast::kernel {

std::unique_ptr<Engine> make_lua_engine(Services& services) {
  return std::make_unique<lua::LuaEngine>(services);
}

}  // namespace oast::kernel
