// How a language writes values.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oast/value.hpp"

namespace oast::cli {

/// One member of a list or map: what stands before it, `x = ` say, and what it is.
struct Member {
  std::string key;  ///< empty: a positional one
  const Value* value;
};

/// A list or map, whose members stand between two brackets. Points into the value it is made of.
struct Container {
  char open;
  char close;
  std::vector<Member> members;
};

/// The literals of one language, each on one line and safe on a terminal. Stateless.
class LiteralFormatter {
 public:
  virtual ~LiteralFormatter() = default;

  virtual std::string nil() const = 0;
  virtual std::string boolean(bool v) const = 0;
  virtual std::string integer(std::int64_t v) const = 0;
  /// As few digits as read back as the same number.
  virtual std::string number(double v) const = 0;
  virtual std::string complex(std::complex<double> v) const = 0;
  /// Valid UTF-8 stays readable, all other bytes and control characters are escaped.
  virtual std::string text(std::string_view v) const = 0;
  virtual std::string bytes(const Buffer& v) const = 0;
  virtual std::string tensor(const Tensor& v) const = 0;
  virtual Container list(const Value::List& v) const = 0;
  virtual Container map(const Value::Map& v) const = 0;

 protected:
  /// `<title: 1, 2, ...>`: the tensor's first elements, spelled by this.
  std::string summary(const std::string& title, const Tensor& tensor) const;
};

const LiteralFormatter& lua_literals();
const LiteralFormatter& python_literals();

/// The value on one line.
std::string flat_text(const Value& value, const LiteralFormatter& formatter);

/// The fewest digits that read back as the same number.
struct Decimal {
  std::string plain;       ///< 100, 0.25
  std::string scientific;  ///< 1e+02, 2.5e-01
  int exponent;            ///< of ten, in `scientific`
  int digits;              ///< how many `scientific` has before the exponent
};

/// Precondition: the number is finite.
Decimal decimal(double number);

/// The text with ".0" when it has no point, so that it reads as a float.
std::string with_point(std::string text);

/// snprintf to a short string: "\\x%02X" and the like.
std::string formatted(const char* format, unsigned value);

}  // namespace oast::cli
