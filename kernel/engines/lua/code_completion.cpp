#include <algorithm>
#include <array>

#include "describe.hpp"
#include "editing.hpp"
#include "lexer.hpp"
#include "name_path.hpp"

namespace oast::kernel::lua {

namespace {

bool is_word(const Token& token) {
  return token.kind == Token::Kind::name || token.kind == Token::Kind::keyword;
}

/// The cursor is in a string, a comment or a number.
bool is_beyond_completion(const Token& last, std::size_t cursor) {
  return !last.closed || (last.kind == Token::Kind::number && last.end == cursor);
}

void add_fields(lua_State* L, std::string_view prefix, bool only_functions,
                std::vector<std::string>& matches) {
  for_each_field(L, [&](std::string_view name) {
    if (!name.starts_with(prefix) || !is_name(name)) return;
    if (only_functions && !is_callable(L, -1)) return;
    matches.emplace_back(name);
  });
}

void add_keywords(std::string_view prefix, std::vector<std::string>& matches) {
  for (const std::string_view keyword : keywords()) {
    if (keyword.starts_with(prefix)) matches.emplace_back(keyword);
  }
}

}  // namespace

Completions complete(lua_State* L, std::string_view code, std::size_t cursor) {
  cursor = std::min(cursor, code.size());
  Completions result{{}, static_cast<std::uint32_t>(cursor), static_cast<std::uint32_t>(cursor)};
  const std::vector<Token> all = tokens_of(code.substr(0, cursor));
  std::span<const Token> tokens(all);
  if (!tokens.empty() && is_beyond_completion(tokens.back(), cursor)) return result;
  std::string_view prefix;
  if (!tokens.empty() && is_word(tokens.back()) && tokens.back().end == cursor) {
    prefix = tokens.back().text;
    result.start = static_cast<std::uint32_t>(tokens.back().begin);
    tokens = tokens.first(tokens.size() - 1);
  }
  const bool method = !tokens.empty() && tokens.back().is(":");
  if (method || (!tokens.empty() && tokens.back().is("."))) {
    const auto chain = name_path_at_end(tokens.first(tokens.size() - 1));
    if (!chain || !push_chain(L, *chain)) return result;
  } else {
    lua_pushglobaltable(L);
    add_keywords(prefix, result.matches);
  }
  add_fields(L, prefix, method, result.matches);
  lua_pop(L, 1);
  std::sort(result.matches.begin(), result.matches.end());
  result.matches.erase(std::unique(result.matches.begin(), result.matches.end()),
                       result.matches.end());
  return result;
}

}  // namespace oast::kernel::lua
