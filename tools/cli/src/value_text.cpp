#include "value_text.hpp"

#include <limits>
#include <optional>
#include <vector>

#include "literal_formatter.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

// Nothing for what has no members.
std::optional<Container> container(const Value& value, const LiteralFormatter& formatter) {
  if (const auto* list = std::get_if<Value::List>(&value.variant())) return formatter.list(*list);
  if (const auto* map = std::get_if<Value::Map>(&value.variant())) return formatter.map(*map);
  return std::nullopt;
}

// Precondition: it is no list and no map.
std::string scalar_text(const Value& value, const LiteralFormatter& formatter) {
  struct Visitor {
    const LiteralFormatter& formatter;
    std::string operator()(std::monostate) const { return formatter.nil(); }
    std::string operator()(bool v) const { return formatter.boolean(v); }
    std::string operator()(std::int64_t v) const { return formatter.integer(v); }
    std::string operator()(double v) const { return formatter.number(v); }
    std::string operator()(const std::string& v) const { return formatter.text(v); }
    std::string operator()(const Buffer& v) const { return formatter.bytes(v); }
    std::string operator()(const Value::List&) const { return {}; }
    std::string operator()(const Value::Map&) const { return {}; }
    std::string operator()(const Tensor& v) const { return formatter.tensor(v); }
    std::string operator()(const Failure& v) const {
      return "<error " + std::string(to_string(v.kind)) + ": " + printable(v.message) + ">";
    }
    std::string operator()(const Native& v) const {
      return "<native " + printable(v.format) + ", " + std::to_string(v.data.size()) + " bytes>";
    }
  };
  return std::visit(Visitor{formatter}, value.variant());
}

// Nothing as soon as the line is longer than `limit` bytes.
bool write_flat(const Value& value, const LiteralFormatter& formatter, std::size_t limit,
                std::string& out) {
  const auto parts = container(value, formatter);
  if (!parts) {
    out += scalar_text(value, formatter);
    return out.size() <= limit;
  }
  out += parts->open;
  for (std::size_t i = 0; i < parts->members.size(); ++i) {
    if (i) out += ", ";
    out += parts->members[i].key;
    if (!write_flat(*parts->members[i].value, formatter, limit, out)) return false;
  }
  out += parts->close;
  return out.size() <= limit;
}

// Writes a list or map over many lines: positional members side by side as long as they fit,
// members with keys and those that do not fit on lines of their own.
class Wrapper {
 public:
  Wrapper(const LiteralFormatter& formatter, std::size_t width, std::string& out)
      : formatter_(formatter), width_(width), out_(out) {}

  void write(const Value& value, std::size_t indent, std::size_t used) {
    std::string line;
    const std::size_t bytes = 4 * width_;  // no column takes more of UTF-8 than four
    const bool fits = write_flat(value, formatter_, bytes, line) && used + columns(line) <= width_;
    const auto parts = container(value, formatter_);
    if (fits || !parts || parts->members.empty()) {
      out_ += fits ? line : flat_text(value, formatter_);
      return;
    }
    (out_ += parts->open) += '\n';
    write_members(parts->members, indent + 2);
    (out_ += std::string(indent, ' ')) += parts->close;
  }

 private:
  void write_members(const std::vector<Member>& parts, std::size_t indent) {
    std::size_t column = 0;  // 0: nothing on this line yet
    for (const Member& part : parts) {
      std::string line = part.key;
      const bool flat = write_flat(*part.value, formatter_, 4 * width_, line) &&
                        indent + columns(line) + 1 <= width_;
      const bool beside =
          flat && part.key.empty() && column > 0 && column + 1 + columns(line) + 1 <= width_;
      if (beside) {
        out_ += " " + line + ",";
        column += columns(line) + 2;
        continue;
      }
      if (column > 0) out_ += '\n';
      out_ += std::string(indent, ' ');
      if (flat) {
        out_ += line + ",";
        column = indent + columns(line) + 1;
      } else {
        out_ += part.key;
        write(*part.value, indent, indent + columns(part.key) + 1);
        out_ += ",\n";
        column = 0;
      }
    }
    if (column > 0) out_ += '\n';
  }

  const LiteralFormatter& formatter_;
  std::size_t width_;
  std::string& out_;
};

}  // namespace

std::string flat_text(const Value& value, const LiteralFormatter& formatter) {
  std::string out;
  write_flat(value, formatter, std::numeric_limits<std::size_t>::max(), out);
  return out;
}

std::string value_text(const Value& value, std::string_view language, std::size_t width) {
  std::string out;
  Wrapper(language == "python" ? python_literals() : lua_literals(), width, out).write(value, 0, 0);
  return out;
}

}  // namespace oast::cli
