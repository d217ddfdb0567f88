#include <array>
#include <string>

#include "chunks.hpp"
#include "editing.hpp"
#include "lexer.hpp"

namespace oast::kernel::lua {

namespace {

constexpr int kIndent = 2;  // spaces for each open block or bracket

CodeStatus status_of(lua_State* L, std::string_view prefix, std::string_view text) {
  constexpr std::string_view kEnd = "<eof>";
  const int status = load_text(L, prefix, text, "=eval");
  std::size_t size = 0;
  const char* message = status == LUA_OK ? "" : lua_tolstring(L, -1, &size);
  const bool at_end = std::string_view(message, size).ends_with(kEnd);
  lua_pop(L, 1);
  if (status == LUA_OK) return CodeStatus::complete;
  return at_end ? CodeStatus::incomplete : CodeStatus::invalid;
}

/// Blocks and brackets that are open at the end.
int open_blocks(const std::vector<Token>& tokens) {
  // `for` and `while` open theirs with `do`, `then` and `else` go on with that of `if`.
  constexpr std::array<std::string_view, 7> kOpen = {"function", "do", "if", "repeat",
                                                     "(",        "{",  "["};
  constexpr std::array<std::string_view, 5> kClose = {"end", "until", ")", "}", "]"};
  int depth = 0;
  for (const Token& token : tokens) {
    for (const std::string_view open : kOpen) depth += token.is(open) ? 1 : 0;
    for (const std::string_view close : kClose) depth -= token.is(close) ? 1 : 0;
  }
  return depth;
}

std::string indent_after(std::string_view code) {
  const std::vector<Token> tokens = tokens_of(code);
  // Spaces inside a long string would be part of it.
  if (!tokens.empty() && !tokens.back().closed) return {};
  const int depth = open_blocks(tokens);
  return std::string(static_cast<std::size_t>(depth > 0 ? depth * kIndent : 0), ' ');
}

}  // namespace

Completeness completeness(lua_State* L, std::string_view code) {
  // A newline, since a line is what would follow: a quote that is open then stays so for ever.
  const std::string text = std::string(lua_text(code)) + "\n";
  CodeStatus status = status_of(L, "return ", text);
  if (status != CodeStatus::complete) {
    const CodeStatus as_statements = status_of(L, {}, text);
    if (as_statements != CodeStatus::invalid) status = as_statements;
  }
  if (status != CodeStatus::incomplete) return {status, {}};
  return {status, indent_after(code)};
}

}  // namespace oast::kernel::lua
