// A notebook file: nbformat 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "json.hpp"
#include "oast/evaluator.hpp"

namespace oast::jupyter {

/// Its cells, and the outputs that they get. Source: the documentation of nbformat 4.5.
class Notebook {
 public:
  /// Reads a file. Throws Error(invalid) that says what is no notebook of version 4 in it, and
  /// Error(not_found) when it cannot be read.
  explicit Notebook(const std::filesystem::path& path);
  /// One without cells, for a kernel.
  Notebook(const std::string& language, const std::string& kernel_name);
  /// As what was read from `source`, which errors name.
  Notebook(Json notebook, const std::string& source);

  /// Of metadata.kernelspec; "" when it says none.
  std::string kernel_name() const;
  std::string language() const;

  std::size_t size() const { return cells_.size(); }
  bool is_code(std::size_t cell) const;
  std::string source(std::size_t cell) const;
  bool has_tag(std::size_t cell, std::string_view tag) const;

  /// A new code cell, tagged `injected-parameters`, behind the one tagged `parameters`, or first;
  /// in place of an earlier one.
  void inject_parameters(const std::string& code);

  /// Behind all others. Its index.
  std::size_t add_code_cell(const std::string& code, std::int64_t count);
  /// Removes all cells but those with this number. False, with nothing removed, when none has it.
  bool keep_only(std::int64_t count);
  /// The numbers that cells have, such as "1 to 7"; "none".
  std::string counts() const;

  /// No cell has outputs, or a number.
  void clear_outputs();
  void set_count(std::size_t cell, std::int64_t count);
  /// Adds what a cell has shown, in order; what updates an earlier display changes that one,
  /// whatever its cell, and what clears takes away what its own cell has. A message for a frontend
  /// is none.
  void add(std::size_t cell, const std::vector<Output>& outputs);
  void add_result(std::size_t cell, const std::string& text);
  void add_failure(std::size_t cell, const Failure& failure);

  Json json() const;
  /// Code and outputs for a terminal: displays and errors as text.
  std::string text() const;
  /// Writes the file, as a whole or not at all. Throws std::system_error.
  void save(const std::filesystem::path& path) const;

 private:
  struct Shown {
    Json output;
    std::string display_id;  // by which it can be updated
  };
  struct Cell {
    Json json;
    std::vector<Shown> outputs;
    bool clears = false;  // when the next output comes
  };

  void take_cells(const std::string& source);
  void add(Cell& cell, const Output& output);
  void add_stream(Cell& cell, const char* name, const std::string& text);
  void show(Cell& cell, Json output, std::string display_id);
  void update(const std::string& display_id, const Json& content);

  Json notebook_;  // without its cells
  std::vector<Cell> cells_;
};

}  // namespace oast::jupyter
