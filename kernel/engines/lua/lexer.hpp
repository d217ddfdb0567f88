// Lua code as tokens, also when it is not finished: for completion, inspection and indentation.
// What runs is compiled by Lua itself.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace oast::kernel::lua {

struct Token {
  enum class Kind : unsigned char { name, keyword, number, string, comment, symbol };
  Kind kind = Kind::symbol;
  std::string_view text;  ///< into the code
  std::size_t begin = 0;  ///< its bytes are [begin, end) of the code
  std::size_t end = 0;
  bool closed = true;  ///< false: a string or comment that the code's end cuts off

  bool is(std::string_view symbol_or_keyword) const {
    return (kind == Kind::symbol || kind == Kind::keyword) && text == symbol_or_keyword;
  }
};

/// Never fails: bytes that begin no token are symbols of their own. Finished comments are left out.
std::vector<Token> tokens_of(std::string_view code);

}  // namespace oast::kernel::lua
