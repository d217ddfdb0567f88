// What inspection remembers of evaluated code.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace oast::kernel::lua {

/// The texts of the latest chunks that define functions, at most `kMaxBytes` of them.
class Sources {
 public:
  static constexpr std::size_t kMaxBytes = 1u << 20;

  /// `chunk` is the chunk's name as Lua has it: "=eval", "@file.lua". Cheap for code without
  /// functions, which is not kept.
  void remember(std::string_view chunk, std::string_view code);

  /// The text of the latest chunk of that name whose line `line`, counted from 1, has a function;
  /// else, for "@file", the file. Chunks share names, so that is a guess, though mostly a good one.
  std::optional<std::string> find(std::string_view chunk, int line) const;

 private:
  struct Chunk {
    std::string name;
    std::string code;
  };
  std::deque<Chunk> chunks_;  ///< the latest first
  std::size_t bytes_ = 0;
};

/// Line `number`, counted from 1, without its newline; nothing when there is no such line.
std::optional<std::string_view> line_of(std::string_view text, int number);

}  // namespace oast::kernel::lua
