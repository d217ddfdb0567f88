#include "code_source.hpp"

#include "console.hpp"
#include "exit_on_signal.hpp"
#include "line_reader.hpp"

namespace oast::cli {
namespace {

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Lines that begin with ? are for the repl, not for the language.
bool whole(const Completeness& state) { return state.status != CodeStatus::incomplete; }

class TypedCode : public CodeSource {
 public:
  TypedCode(SignalReader& signals, const std::string& language, Judge judge,
            LineEditor::Complete complete)
      : judge_(std::move(judge)),
        complete_(std::move(complete)),
        prompt_((language.empty() ? "oast" : language) + "> "),
        continuation_(std::string(prompt_.size() - 2, '.') + "> "),
        file_(history_path()),
        editor_(signals, [this](std::string_view line, std::size_t cursor) {
          return this->complete_line(line, cursor);
        }) {
    for (const std::string& entry : file_.load()) editor_.remember(entry);
  }

  Piece next() override {
    code_.clear();
    std::string indent;
    for (;;) {
      if (!out().at_line_start()) out().print("\n");
      auto [end, line, signal] = editor_.read(code_.empty() ? prompt_ : continuation_, indent);
      if (end == LineEditor::End::terminated) return {std::nullopt, signal};
      const bool given_up = end == LineEditor::End::end && !code_.empty();
      if (end == LineEditor::End::end) {
        out().print("\n");
        if (!given_up) return {};
      }
      if (end == LineEditor::End::interrupted || given_up || (code_.empty() && blank(line))) {
        code_.clear();
        indent.clear();
        continue;
      }
      code_ += (code_.empty() ? "" : "\n") + line;
      const Completeness state = code_.starts_with('?') ? Completeness{} : judge_(code_);
      if (whole(state)) break;
      indent = state.indent;
    }
    editor_.remember(code_);
    file_.append(code_);
    return {std::exchange(code_, {}), 0};
  }

  void print(std::string_view text) override { editor_.print(text); }

 private:
  // The kernel sees the lines above as well.
  Completions complete_line(std::string_view line, std::size_t cursor) {
    const std::string above = code_.empty() ? "" : code_ + "\n";
    Completions found = complete_(above + std::string(line), above.size() + cursor);
    if (found.start < above.size()) return {};
    found.start -= above.size();
    found.end -= above.size();
    return found;
  }

  Judge judge_;
  LineEditor::Complete complete_;
  std::string prompt_;
  std::string continuation_;
  HistoryFile file_;
  std::string code_;  // the lines so far
  LineEditor editor_;
};

class PipedCode : public CodeSource {
 public:
  PipedCode(SignalReader& signals, Judge judge) : signals_(signals), judge_(std::move(judge)) {}

  Piece next() override {
    const ExitOnSignal impatient(signals_);
    std::string code;
    while (const auto line = input().line(never_)) {
      if (code.empty() && blank(*line)) continue;
      code += (code.empty() ? "" : "\n") + *line;
      if (code.starts_with('?') || whole(judge_(code))) return {code, 0};
    }
    // What never became whole is for the kernel to complain about.
    if (code.empty()) return {};
    return {code, 0};
  }

  void print(std::string_view text) override { out().write(text); }

 private:
  SignalReader& signals_;
  Judge judge_;
  WakeEvent never_;
};

}  // namespace

std::unique_ptr<CodeSource> typed_code(SignalReader& signals, const std::string& language,
                                       Judge judge, LineEditor::Complete complete) {
  return std::make_unique<TypedCode>(signals, language, std::move(judge), std::move(complete));
}

std::unique_ptr<CodeSource> piped_code(SignalReader& signals, Judge judge) {
  return std::make_unique<PipedCode>(signals, std::move(judge));
}

}  // namespace oast::cli
