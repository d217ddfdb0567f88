// How C++ and Lua's C stand together.
//
// Lua is C: its errors jump (longjmp) out of every frame up to the next protected call, so they
// must not pass a frame that has an object with a destructor; and a C++ exception must not enter
// Lua's frames. Hence:
//   - what Lua calls is `guard<body>`: it turns C++ exceptions into Lua errors;
//   - what calls Lua functions that can raise does so in `protect`, or in a body below a guard;
//   - a body has objects with destructors only while it calls nothing of Lua that can raise. The
//     manual marks those: only functions with `-` in their third place are harmless.
#pragma once

#include <array>
#include <cstring>
#include <exception>
#include <string_view>
#include <type_traits>

#include "context.hpp"

namespace oast::kernel::lua {

namespace detail {

/// What a caught exception leaves, without a destructor.
struct Caught {
  bool interrupted = false;
  std::array<char, 1024> message;  // not cleared: most calls throw nothing

  void keep(std::string_view text) {
    const std::size_t size = text.copy(message.data(), message.size() - 1);
    message[size] = '\0';
  }
};

template <auto Body>
int run_body(lua_State* L, Caught& caught) noexcept {
  try {
    if constexpr (std::is_invocable_v<decltype(Body), lua_State*, Context&>) {
      return Body(L, context_of(L));
    } else {
      return Body(L);
    }
  } catch (const Interrupted&) {
    caught.interrupted = true;
  } catch (const std::exception& e) {
    caught.keep(e.what());
  } catch (...) {
    caught.keep("an unknown C++ exception");
  }
  return -1;
}

}  // namespace detail

/// The C++ function `Body`, int(lua_State*, Context&) or int(lua_State*), as a lua_CFunction.
template <auto Body>
int guard(lua_State* L) {
  detail::Caught caught;
  const int results = detail::run_body<Body>(L, caught);
  if (results >= 0) return results;
  if (caught.interrupted) {
    context_of(L).interrupter.arm();
    raise_interrupt(L);
  }
  return luaL_error(L, "%s", caught.message.data());
}

/// Throws the error that ended a protected call on the main state: Interrupted, or RemoteException
/// with what `on_error` collected. `status` is that of lua_pcall; the error object is on top.
[[noreturn]] void throw_error(lua_State* L, int status);

/// Calls `body()` in protected mode on the main state, with an empty stack above `arguments` values
/// that it takes from the top. Leaves the `results` topmost values of the body. Throws what the
/// body throws, and its Lua errors as RemoteException or Interrupted.
template <class Body>
void protect(lua_State* L, int arguments, int results, Body body) {
  struct Call {
    Body& body;
    int results;
    std::exception_ptr exception;

    static int run(lua_State* inner) {
      auto& call = *static_cast<Call*>(lua_touserdata(inner, 1));
      lua_remove(inner, 1);
      return call.guarded();
    }
    int guarded() noexcept {
      try {
        body();
        return results;
      } catch (...) {
        exception = std::current_exception();
        return 0;
      }
    }
  };
  Call call{body, results, nullptr};
  if (lua_checkstack(L, LUA_MINSTACK) == 0) throw std::bad_alloc{};
  lua_pushcfunction(L, &Call::run);
  lua_pushlightuserdata(L, &call);
  lua_rotate(L, -2 - arguments, 2);
  // As many as the function returns: Lua takes an exact number only up to 32767.
  const int status = lua_pcall(L, arguments + 1, LUA_MULTRET, kHandler);
  if (call.exception) std::rethrow_exception(call.exception);
  if (status != LUA_OK) throw_error(L, status);
}

}  // namespace oast::kernel::lua
