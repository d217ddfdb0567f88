#include "chunks.hpp"

#include <functional>

#include "errors.hpp"

namespace oast::kernel::lua {

namespace {

struct Pieces {
  std::array<std::string_view, 2> piece;
  std::size_t next = 0;
};

const char* read_piece(lua_State*, void* data, std::size_t* size) {
  auto& pieces = *static_cast<Pieces*>(data);
  while (pieces.next < pieces.piece.size()) {
    const std::string_view piece = pieces.piece[pieces.next++];
    if (piece.empty()) continue;  // an empty one would be the end
    *size = piece.size();
    return piece.data();
  }
  *size = 0;
  return nullptr;
}

/// A chunk that has its environment in its hands must get a fresh one each time.
bool may_be_kept(std::string_view code) { return code.find("_ENV") == std::string_view::npos; }

}  // namespace

void Chunks::open(lua_State* L) {
  for (const Kept& kept : kept_) {
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kept);
  }
}

void Chunks::load(lua_State* L, std::string_view code, std::string_view chunk) {
  if (code.size() > kMaxBytes) {
    compile(L, code, std::string(chunk).c_str());
    return;
  }
  Kept& kept = kept_[std::hash<std::string_view>{}(code) % kPlaces];
  if (kept.code == code && kept.chunk == chunk) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept);
    if (lua_isfunction(L, -1)) return;
    lua_pop(L, 1);
  }
  compile(L, code, std::string(chunk).c_str());
  if (!may_be_kept(code)) return;
  kept = {std::string(chunk), std::string(code)};
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kept);
}

void Chunks::compile(lua_State* L, std::string_view code, const char* chunk) {
  const std::string_view text = lua_text(code);
  if (load_text(L, "return ", text, chunk) == LUA_OK) return;
  lua_pop(L, 1);
  const int status = load_text(L, {}, text, chunk);
  if (status != LUA_OK) throw_syntax_error(L, status);
}

std::string_view lua_text(std::string_view code) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (code.starts_with(kMark)) code.remove_prefix(kMark.size());
  if (!code.starts_with("#!")) return code;
  const std::size_t newline = code.find('\n');
  return newline == std::string_view::npos ? std::string_view{} : code.substr(newline);
}

int load_text(lua_State* L, std::string_view prefix, std::string_view text, const char* chunk) {
  Pieces pieces{{prefix, text}};
  return lua_load(L, read_piece, &pieces, chunk, "t");
}

}  // namespace oast::kernel::lua
