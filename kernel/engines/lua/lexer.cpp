#include "lexer.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "describe.hpp"

namespace oast::kernel::lua {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class Lexer {
 public:
  explicit Lexer(std::string_view code) : code_(code) {}

  std::vector<Token> run() {
    if (code_.starts_with("#!")) at_ = end_of_line(0);
    while (at_ < code_.size()) {
      if (is_space(code_[at_])) {
        ++at_;
      } else {
        next();
      }
    }
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < code_.size() ? code_[at_ + ahead] : '\0';
  }

  std::size_t end_of_line(std::size_t from) const {
    return std::min(code_.find('\n', from), code_.size());
  }

  void add(Token::Kind kind, std::size_t end, bool closed = true) {
    tokens_.push_back({kind, code_.substr(at_, end - at_), at_, end, closed});
    at_ = end;
  }

  void next() {
    const char c = peek();
    if (is_letter(c)) return word();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return short_string(c);
    if (c == '-' && peek(1) == '-') return comment();
    if (c == '[' && long_bracket(at_) > 0) {
      const auto [end, closed] = long_text(at_);
      return add(Token::Kind::string, end, closed);
    }
    symbol();
  }

  void word() {
    std::size_t end = at_;
    while (end < code_.size() && (is_letter(code_[end]) || is_digit(code_[end]))) ++end;
    const bool keyword = is_keyword(code_.substr(at_, end - at_));
    add(keyword ? Token::Kind::keyword : Token::Kind::name, end);
  }

  /// Generously, as Lua does: digits, letters, points and the sign of an exponent.
  void number() {
    const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
    const std::string_view exponents = hex ? "pP" : "eE";
    std::size_t end = at_;
    while (end < code_.size() && (is_letter(code_[end]) || is_digit(code_[end]) ||
                                  (code_[end] == '.' && !code_.substr(end).starts_with("..")))) {
      const bool exponent = exponents.find(code_[end]) != std::string_view::npos;
      ++end;
      if (exponent && end < code_.size() && (code_[end] == '+' || code_[end] == '-')) ++end;
    }
    add(Token::Kind::number, end);
  }

  /// Ends at its quote, or unfinished at the line's or the code's end.
  void short_string(char quote) {
    for (std::size_t i = at_ + 1; i < code_.size(); ++i) {
      if (code_[i] == quote) return add(Token::Kind::string, i + 1);
      if (code_[i] == '\n') return add(Token::Kind::string, i);
      if (code_[i] == '\\') ++i;
    }
    add(Token::Kind::string, code_.size(), false);
  }

  void comment() {
    std::size_t end = 0;
    bool closed = false;
    if (long_bracket(at_ + 2) > 0) {
      std::tie(end, closed) = long_text(at_ + 2);
    } else {
      end = end_of_line(at_);
      closed = end < code_.size();
    }
    if (closed) {
      at_ = end;
    } else {
      add(Token::Kind::comment, end, false);
    }
  }

  /// The size of an opening long bracket at `from`, such as "[==[", else 0.
  std::size_t long_bracket(std::size_t from) const {
    if (from >= code_.size() || code_[from] != '[') return 0;
    const std::size_t second = code_.find_first_not_of('=', from + 1);
    if (second == std::string_view::npos || code_[second] != '[') return 0;
    return second + 1 - from;
  }

  /// Where the long string that opens at `from` ends, and whether it does.
  std::pair<std::size_t, bool> long_text(std::size_t from) const {
    const std::size_t size = long_bracket(from);
    std::string closing(size, '=');
    closing.front() = closing.back() = ']';
    const std::size_t found = code_.find(closing, from + size);
    if (found == std::string_view::npos) return {code_.size(), false};
    return {found + size, true};
  }

  void symbol() {
    for (const std::string_view longer :
         {"...", "::", "..", "==", "~=", "<=", ">=", "//", "<<", ">>"}) {
      if (code_.substr(at_).starts_with(longer))
        return add(Token::Kind::symbol, at_ + longer.size());
    }
    add(Token::Kind::symbol, at_ + 1);
  }

  std::string_view code_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view code) { return Lexer(code).run(); }

}  // namespace oast::kernel::lua
