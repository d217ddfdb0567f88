#include "transcript.hpp"

#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "notebook.hpp"
#include "value_text.hpp"

namespace oast::jupyter {
namespace {

Output gap_output(const LogGap& gap) {
  Output output;
  output.stream = Output::Stream::err;
  output.text = "[oast: " + std::to_string(gap.last - gap.first + 1) + " records, " +
                std::to_string(gap.bytes) + " bytes, are gone from the log]\n";
  return output;
}

void add_record(Notebook& notebook, std::size_t cell, const LogRecord& record,
                const std::string& language) {
  if (const auto* output = std::get_if<Output>(&record.what)) {
    notebook.add(cell, {*output});
  } else if (const auto* failure = std::get_if<Failure>(&record.what)) {
    notebook.add_failure(cell, *failure);
  } else if (const auto* value = std::get_if<LogValue>(&record.what)) {
    const Value shown = value->get();
    if (!shown.is_nil()) notebook.add_result(cell, cli::value_text(shown, language));
  }
}

}  // namespace

void Transcript::add(Cell cell) {
  bytes_ += cell.code.size();
  cells_.push_back(std::move(cell));
  while (cells_.size() > kMost || (bytes_ > kMostBytes && cells_.size() > 1)) {
    bytes_ -= cells_.front().code.size();
    cells_.pop_front();
  }
}

Json notebook_of(const std::deque<Transcript::Cell>& cells, const std::vector<LogRecord>& records,
                 const std::string& language, const std::string& spec) {
  Notebook notebook(language, "oast-" + spec);
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> index;
  for (const Transcript::Cell& cell : cells)
    index[{cell.request.host.value, cell.request.id.value}] =
        notebook.add_code_cell(cell.code, cell.count);
  std::optional<LogGap> gap;
  for (const LogRecord& record : records) {
    if (const auto* gone = std::get_if<LogGap>(&record.what)) gap = *gone;
    const auto cell = index.find({record.request.host.value, record.request.id.value});
    if (cell == index.end()) continue;
    if (gap) notebook.add(cell->second, {gap_output(*std::exchange(gap, std::nullopt))});
    add_record(notebook, cell->second, record, language);
  }
  return notebook.json();
}

}  // namespace oast::jupyter
