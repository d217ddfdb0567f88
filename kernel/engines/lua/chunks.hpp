// Compiled code.
#pragma once

#include <array>
#include <lua.hpp>
#include <string>
#include <string_view>

namespace oast::kernel::lua {

/// Compiles chunks, and keeps the functions of short ones: what a host asks for again and again (a
/// step, a question about the state) is compiled once, which costs several times what it takes to
/// run.
class Chunks {
 public:
  /// Makes room in the registry, so that keeping a function raises nothing later. In protect.
  void open(lua_State* L);

  /// Pushes the function of the code: an expression, which gives its values, or else statements.
  /// Throws RemoteException for a syntax error. Raises nothing.
  void load(lua_State* L, std::string_view code, std::string_view chunk);

 private:
  /// What was compiled last of all code that falls on this place. Its address is the key of the
  /// function in the registry.
  struct Kept {
    std::string chunk;
    std::string code;
  };
  static constexpr std::size_t kPlaces = 64;
  static constexpr std::size_t kMaxBytes = 512;

  void compile(lua_State* L, std::string_view code, const char* chunk);

  std::array<Kept, kPlaces> kept_;
};

/// Where the Lua text begins: behind a byte order mark and a first line "#!...", whose newline
/// stays so that lines keep their numbers.
std::string_view lua_text(std::string_view code);

/// Compiles `prefix` and `text`, no binary chunks. Pushes the function or the message; returns the
/// status of lua_load. Raises nothing.
int load_text(lua_State* L, std::string_view prefix, std::string_view text, const char* chunk);

}  // namespace oast::kernel::lua
