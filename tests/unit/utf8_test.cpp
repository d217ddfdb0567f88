#include "oast/utf8.hpp"

#include <doctest/doctest.h>

using namespace oast;

namespace {

const std::string kBad = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("text that is UTF-8 is known and stays as it is") {
  const std::string text =
      "a plain start of more than eight bytes, \u00e9\u20ac\U0001F33E, and an end";
  CHECK(is_utf8(text));
  CHECK(to_utf8(text) == text);
  CHECK(to_utf8("") == "");
  CHECK(is_utf8(std::string(100, 'x') + "\u20ac" + std::string(100, 'y')));
  CHECK(to_utf8(std::string("\0x", 2)) == std::string("\0x", 2));
}

TEST_CASE("what is no UTF-8 is known, wherever it is, and has a mark in its place") {
  for (const std::string bad : {"\xC0\xAF", "\xE0\x80\xBF", "\xED\xA0\x80", "\xF4\x91\x92\x93",
                                "\xFF", "\x80", "\xE2\x82", "\xF0\x9F\x8C"})
    for (std::size_t at = 0; at < 20; ++at) {
      const std::string text = std::string(at, 'a') + bad + "b";
      CHECK_FALSE(is_utf8(text));
      const std::string repaired = to_utf8(text);
      CHECK(is_utf8(repaired));
      CHECK(repaired.starts_with(std::string(at, 'a') + kBad));
      CHECK(repaired.ends_with("b"));
    }
}

TEST_CASE("a limit on text cuts no character in two") {
  CHECK(to_utf8("ab\u20ac", 3) == "ab" + kBad);
  CHECK(to_utf8("ab\u20ac", 5) == "ab\u20ac");
}

TEST_CASE("the beginning of a character is told from its whole and from what begins none") {
  for (const std::string whole : {"\u00e9", "\u20ac", "\U0001F33E", "\uD7FF", "\U0010FFFF"})
    for (std::size_t size = 0; size <= whole.size(); ++size)
      for (const std::string before : {"", "a", "\u20ac", "\xFF", "\x80\x80\x80"})
        CHECK(unfinished_character(before + whole.substr(0, size)) ==
              (size == whole.size() ? 0 : size));
  for (const std::string none : {"\xE0\x80", "\xED\xA0", "\xF0\x80\x80", "\xF4\x90", "\xC1", "\xF5",
                                 "\x80", "\x80\x80\x80\x80", "", "a", "\xC3\xA9\xA9"})
    CHECK(unfinished_character(none) == 0);
}
