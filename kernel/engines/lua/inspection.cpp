#include <algorithm>

#include "describe.hpp"
#include "editing.hpp"
#include "lexer.hpp"
#include "name_path.hpp"
#include "protected_call.hpp"

namespace oast::kernel::lua {

namespace {

constexpr std::size_t kFewFields = 20;
constexpr std::size_t kManyFields = 200;

/// The tokens up to the name that the cursor is in or behind, or else up to the function whose
/// arguments it is in.
std::span<const Token> tokens_to_subject(const std::vector<Token>& tokens, std::size_t cursor) {
  std::size_t before = 0;  // tokens that begin before the cursor
  for (std::size_t i = 0; i < tokens.size() && tokens[i].begin <= cursor; ++i) {
    const Token& token = tokens[i];
    if (token.kind == Token::Kind::name && cursor <= token.end)
      return std::span(tokens).first(i + 1);
    if (token.begin < cursor) before = i + 1;
  }
  int closed = 0;
  for (std::size_t i = before; i-- > 0;) {
    if (tokens[i].is(")")) ++closed;
    if (tokens[i].is("(") && closed-- == 0) return std::span(tokens).first(i);
  }
  return {};
}

std::string trimmed_comment(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of('-'), line.size()));
  if (line.starts_with(' ')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  return std::string(line);
}

/// The comment lines right above line `line`, without their dashes.
std::string comment_above(std::string_view text, int line) {
  std::string result;
  for (--line;; --line) {
    auto found = line_of(text, line);
    if (!found) return result;
    found->remove_prefix(std::min(found->find_first_not_of(" \t"), found->size()));
    if (!found->starts_with("--")) return result;
    result.insert(0, trimmed_comment(*found) + "\n");
  }
}

std::string lines(std::string_view text, int first, int last) {
  std::string result;
  for (int i = first; i <= last; ++i) {
    if (const auto line = line_of(text, i)) result += std::string(*line) + "\n";
  }
  return result;
}

std::string parameters(lua_State* L, const lua_Debug& info) {
  std::string result;
  for (int i = 1; i <= info.nparams; ++i) {
    const char* name = lua_getlocal(L, nullptr, i);
    result += (i == 1 ? "" : ", ") + std::string(name == nullptr ? "?" : name);
  }
  if (info.isvararg != 0) result += result.empty() ? "..." : ", ...";
  return "(" + result + ")";
}

/// The function on top.
std::string function_text(lua_State* L, const Sources& sources, const std::string& name,
                          int detail) {
  lua_Debug info{};
  lua_pushvalue(L, -1);
  protect(L, 1, 0, [&] { lua_getinfo(L, ">Su", &info); });
  if (*info.what == 'C') return "function " + name + "(...)\nbuilt in\n";
  std::string text = "function " + name + parameters(L, info) + "\ndefined at " + info.short_src +
                     ":" + std::to_string(info.linedefined) + "\n";
  const auto source = sources.find(info.source, info.linedefined);
  if (!source) return text;
  const std::string comment = comment_above(*source, info.linedefined);
  if (!comment.empty()) text += "\n" + comment;
  if (detail > 0) text += "\n" + lines(*source, info.linedefined, info.lastlinedefined);
  return text;
}

/// The table on top.
std::string table_text(lua_State* L, const std::string& name, int detail) {
  std::vector<std::string> fields;
  std::size_t count = 0;
  const std::size_t shown = detail > 0 ? kManyFields : kFewFields;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (++count <= shown) {
      fields.push_back(path_step(L, lua_gettop(L) - 1) + " = " + describe(L, -1) + "\n");
    }
    lua_pop(L, 1);
  }
  std::sort(fields.begin(), fields.end());
  std::string text =
      "table " + name + ", " + std::to_string(count) + (count == 1 ? " field\n" : " fields\n");
  for (const std::string& field : fields) text += "  " + field;
  if (count > shown) text += "  …\n";
  return text;
}

std::string value_text(lua_State* L, const std::string& name) {
  std::string type = lua_typename(L, lua_type(L, -1));
  if (lua_type(L, -1) == LUA_TNUMBER) type = lua_isinteger(L, -1) != 0 ? "integer" : "float";
  return type + " " + name + " = " + describe(L, -1) + "\n";
}

}  // namespace

std::optional<std::string> inspect(lua_State* L, const Sources& sources, std::string_view code,
                                   std::size_t cursor, int detail) {
  const std::vector<Token> tokens = tokens_of(code);
  const auto chain = name_path_at_end(tokens_to_subject(tokens, cursor));
  if (!chain || chain->names.empty() || !push_chain(L, *chain)) return std::nullopt;
  const std::string name = (chain->of_string ? "string." : "") + chain->text();
  std::string text;
  if (lua_isfunction(L, -1)) {
    text = function_text(L, sources, name, detail);
  } else if (lua_istable(L, -1)) {
    text = table_text(L, name, detail);
  } else {
    text = value_text(L, name);
  }
  lua_pop(L, 1);
  return text;
}

}  // namespace oast::kernel::lua
