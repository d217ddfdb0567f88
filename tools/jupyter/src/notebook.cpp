#include "notebook.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "comms.hpp"
#include "display_content.hpp"
#include "failure_content.hpp"
#include "message_writer.hpp"
#include "oast/error.hpp"

namespace oast::jupyter {
namespace {

[[noreturn]] void refuse(const std::string& source, const std::string& why) {
  throw Error(FailureKind::invalid, source + " is no notebook: " + why);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) throw Error(FailureKind::not_found, "cannot read " + path.string());
  return text.str();
}

/// nbformat has a text as one string, or as lines with their ends.
std::string joined(const Json& text) {
  if (text.is_string()) return text.get<std::string>();
  std::string all;
  if (text.is_array())
    for (const Json& line : text)
      if (line.is_string()) all += line.get_ref<const std::string&>();
  return all;
}

Json lines_of(std::string_view text) {
  Json lines = Json::array();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

/// As nbformat writes them: text in lines, so that differences of files can be read.
Json data_of(Json data) {
  for (auto& [mime, form] : data.items())
    if (form.is_string() && (mime.starts_with("text/") || mime == "image/svg+xml"))
      form = lines_of(form.get_ref<const std::string&>());
  return data;
}

bool is_for_a_frontend(const Output& output) {
  return !output.parts.empty() &&
         (output.parts.front().first == Comms::kMime || output.parts.front().first == kPayloadMime);
}

void check(const std::string& path, const Json& notebook) {
  if (!notebook.is_object()) refuse(path, "it holds no JSON object");
  const auto version = integer_at(notebook, "nbformat", 0);
  if (version == 0) refuse(path, "it has no number `nbformat`");
  if (version != 4)
    refuse(path, "its nbformat is " + std::to_string(version) +
                     ", and 4 is read; `jupyter nbconvert --to notebook` converts it");
  if (!notebook.contains("cells") || !notebook["cells"].is_array())
    refuse(path, "it has no list `cells`");
  for (std::size_t i = 0; i < notebook["cells"].size(); ++i) {
    const Json& cell = notebook["cells"][i];
    if (!cell.is_object() || text_at(cell, "cell_type").empty() || !cell.contains("source"))
      refuse(path, "cell " + std::to_string(i + 1) + " has no cell_type or no source");
  }
}

std::string on_lines_of_their_own(std::string text) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

/// An output as a terminal shows it.
std::string plain(const Json& output) {
  if (text_at(output, "output_type") == "stream") return joined(output.at("text"));
  if (text_at(output, "output_type") == "error") {
    std::string text;
    for (const Json& line : output.value("traceback", Json::array()))
      if (line.is_string()) text += line.get<std::string>() + "\n";
    return text.empty() ? text_at(output, "ename") + ": " + text_at(output, "evalue") : text;
  }
  const Json data = output.value("data", Json::object());
  const auto text = data.find("text/plain");
  if (text != data.end()) return joined(*text);
  return data.empty() ? "" : "[" + data.begin().key() + "]";
}

Json at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

}  // namespace

Notebook::Notebook(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  try {
    notebook_ = parse_json(text);
  } catch (const Error& error) {
    refuse(path, error.what());
  }
  take_cells(path);
}

Notebook::Notebook(const std::string& language, const std::string& kernel_name)
    : notebook_{{"metadata",
                 {{"kernelspec",
                   {{"name", kernel_name}, {"display_name", kernel_name}, {"language", language}}},
                  {"language_info", {{"name", language}}}}},
                {"nbformat", 4},
                {"nbformat_minor", 5}} {}

Notebook::Notebook(Json notebook, const std::string& source) : notebook_(std::move(notebook)) {
  take_cells(source);
}

void Notebook::take_cells(const std::string& source) {
  check(source, notebook_);
  for (Json& cell : notebook_["cells"]) {
    cells_.push_back({.json = std::move(cell), .outputs = {}});
    Json& json = cells_.back().json;
    if (json.contains("outputs") && json["outputs"].is_array())
      for (Json& output : json["outputs"]) cells_.back().outputs.push_back({std::move(output), {}});
  }
  notebook_.erase("cells");
}

std::size_t Notebook::add_code_cell(const std::string& code, std::int64_t count) {
  Cell cell;
  cell.json = {{"cell_type", "code"},        {"id", random_id().substr(0, 8)},
               {"metadata", Json::object()}, {"source", lines_of(code)},
               {"execution_count", count},   {"outputs", Json::array()}};
  cells_.push_back(std::move(cell));
  return cells_.size() - 1;
}

bool Notebook::keep_only(std::int64_t count) {
  const auto other = [count](const Cell& cell) {
    return integer_at(cell.json, "execution_count", -1) != count;
  };
  if (std::ranges::all_of(cells_, other)) return false;
  std::erase_if(cells_, other);
  return true;
}

std::string Notebook::counts() const {
  std::int64_t first = 0;
  std::int64_t last = 0;
  for (const Cell& cell : cells_) {
    const auto count = integer_at(cell.json, "execution_count", 0);
    if (first == 0) first = count;
    last = std::max(last, count);
  }
  return first == 0 ? "none" : std::to_string(first) + " to " + std::to_string(last);
}

std::string Notebook::kernel_name() const {
  return text_at(at(at(notebook_, "metadata"), "kernelspec"), "name");
}

std::string Notebook::language() const {
  const Json metadata = at(notebook_, "metadata");
  const std::string language = text_at(at(metadata, "kernelspec"), "language");
  return language.empty() ? text_at(at(metadata, "language_info"), "name") : language;
}

bool Notebook::is_code(std::size_t cell) const {
  return text_at(cells_[cell].json, "cell_type") == "code";
}

std::string Notebook::source(std::size_t cell) const { return joined(cells_[cell].json["source"]); }

bool Notebook::has_tag(std::size_t cell, std::string_view tag) const {
  const Json metadata = at(cells_[cell].json, "metadata");
  const auto tags = metadata.find("tags");
  return tags != metadata.end() && tags->is_array() &&
         std::any_of(tags->begin(), tags->end(), [&](const Json& one) { return one == tag; });
}

void Notebook::inject_parameters(const std::string& code) {
  Cell injected;
  injected.json = {{"cell_type", "code"},
                   {"metadata", {{"tags", {"injected-parameters"}}}},
                   {"source", lines_of(code)},
                   {"execution_count", nullptr},
                   {"outputs", Json::array()}};
  if (integer_at(notebook_, "nbformat_minor", 0) >= 5)
    injected.json["id"] = random_id().substr(0, 8);
  for (std::size_t i = 0; i < cells_.size(); ++i)
    if (has_tag(i, "injected-parameters")) {
      cells_[i] = std::move(injected);
      return;
    }
  std::size_t place = 0;
  for (std::size_t i = 0; i < cells_.size(); ++i)
    if (has_tag(i, "parameters")) place = i + 1;
  cells_.insert(cells_.begin() + static_cast<std::ptrdiff_t>(place), std::move(injected));
}

void Notebook::clear_outputs() {
  for (Cell& cell : cells_) {
    if (text_at(cell.json, "cell_type") != "code") continue;
    cell.outputs.clear();
    cell.json["execution_count"] = nullptr;
  }
}

void Notebook::set_count(std::size_t cell, std::int64_t count) {
  cells_[cell].json["execution_count"] = count;
}

void Notebook::add(std::size_t cell, const std::vector<Output>& outputs) {
  for (const Output& output : outputs)
    if (!is_for_a_frontend(output)) add(cells_[cell], output);
}

void Notebook::add(Cell& cell, const Output& output) {
  switch (output.stream) {
    case Output::Stream::out:
      return add_stream(cell, "stdout", output.text);
    case Output::Stream::err:
      return add_stream(cell, "stderr", output.text);
    case Output::Stream::clear:
      if (!output.wait) cell.outputs.clear();
      cell.clears = output.wait;
      return;
    case Output::Stream::display:
      break;
  }
  Json content = display_content(output);
  content.erase("transient");
  content["data"] = data_of(std::move(content["data"]));
  if (output.update) return update(output.display_id, content);
  if (output.result) {
    content["output_type"] = "execute_result";
    content["execution_count"] = cell.json["execution_count"];
  } else {
    content["output_type"] = "display_data";
  }
  show(cell, std::move(content), output.display_id);
}

void Notebook::show(Cell& cell, Json output, std::string display_id) {
  if (std::exchange(cell.clears, false)) cell.outputs.clear();
  cell.outputs.push_back({std::move(output), std::move(display_id)});
}

void Notebook::add_stream(Cell& cell, const char* name, const std::string& text) {
  if (std::exchange(cell.clears, false)) cell.outputs.clear();
  if (cell.outputs.empty() || text_at(cell.outputs.back().output, "name") != name)
    cell.outputs.push_back({{{"output_type", "stream"}, {"name", name}, {"text", ""}}, {}});
  // In lines only when it is saved.
  cell.outputs.back().output["text"].get_ref<std::string&>() += text;
}

void Notebook::update(const std::string& display_id, const Json& content) {
  for (Cell& cell : cells_)
    for (Shown& shown : cell.outputs)
      if (!display_id.empty() && shown.display_id == display_id) shown.output.update(content);
}

void Notebook::add_result(std::size_t cell, const std::string& text) {
  show(cells_[cell],
       {{"output_type", "execute_result"},
        {"execution_count", cells_[cell].json["execution_count"]},
        {"data", {{"text/plain", lines_of(text)}}},
        {"metadata", Json::object()}},
       {});
}

void Notebook::add_failure(std::size_t cell, const Failure& failure) {
  Json content = error_content(failure);
  content["output_type"] = "error";
  show(cells_[cell], std::move(content), {});
}

Json Notebook::json() const {
  Json whole = notebook_;
  whole["cells"] = Json::array();
  for (const Cell& cell : cells_) {
    Json json = cell.json;
    if (json.contains("outputs") || !cell.outputs.empty()) {
      json["outputs"] = Json::array();
      for (const Shown& shown : cell.outputs) {
        Json output = shown.output;
        if (text_at(output, "output_type") == "stream")
          output["text"] = lines_of(joined(output["text"]));
        json["outputs"].push_back(std::move(output));
      }
    }
    whole["cells"].push_back(std::move(json));
  }
  return whole;
}

std::string Notebook::text() const {
  std::string text;
  for (const Cell& cell : cells_) {
    if (text_at(cell.json, "cell_type") != "code") continue;
    const auto count = integer_at(cell.json, "execution_count", 0);
    text += "In [" + (count == 0 ? " " : std::to_string(count)) + "]: ";
    text += on_lines_of_their_own(joined(cell.json["source"]));
    for (const Shown& shown : cell.outputs) text += on_lines_of_their_own(plain(shown.output));
    text += "\n";
  }
  return text;
}

void Notebook::save(const std::filesystem::path& path) const {
  const std::string text =
      json().dump(1, ' ', false, Json::error_handler_t::replace) + "\n";  // as nbformat writes it
  std::filesystem::path temporary = path;
  temporary += ".part" + std::to_string(::getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int why = errno;
    ::unlink(temporary.c_str());
    throw std::system_error(why, std::generic_category(), "cannot write " + path.string());
  }
}

}  // namespace oast::jupyter
