#include "sources.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace oast::kernel::lua {

namespace {

constexpr std::string_view kFunction = "function";

std::optional<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text(Sources::kMaxBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || file.gcount() == 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

bool has_function_at(std::string_view text, int line) {
  const auto found = line_of(text, line);
  return found && found->find(kFunction) != std::string_view::npos;
}

}  // namespace

void Sources::remember(std::string_view chunk, std::string_view code) {
  if (code.size() > kMaxBytes || code.find(kFunction) == std::string_view::npos) return;
  if (!chunks_.empty() && chunks_.front().code == code && chunks_.front().name == chunk) return;
  chunks_.push_front({std::string(chunk), std::string(code)});
  bytes_ += code.size();
  while (bytes_ > kMaxBytes) {
    bytes_ -= chunks_.back().code.size();
    chunks_.pop_back();
  }
}

std::optional<std::string> Sources::find(std::string_view chunk, int line) const {
  for (const Chunk& c : chunks_) {
    if (c.name == chunk && has_function_at(c.code, line)) return c.code;
  }
  if (!chunk.starts_with('@')) return std::nullopt;
  auto text = read_file(std::string(chunk.substr(1)));
  if (text && has_function_at(*text, line)) return text;
  return std::nullopt;
}

std::optional<std::string_view> line_of(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return std::nullopt;
    text.remove_prefix(newline + 1);
  }
  if (number < 1) return std::nullopt;
  return text.substr(0, text.find('\n'));
}

}  // namespace oast::kernel::lua
