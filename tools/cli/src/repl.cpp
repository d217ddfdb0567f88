// oast repl: a conversation with a kernel.
#include <unistd.h>

#include "code_source.hpp"
#include "command.hpp"
#include "console.hpp"
#include "execution.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"
#include "request_streams.hpp"
#include "value_text.hpp"

namespace oast::cli {
namespace {

constexpr const char* kReplExamples =
    "  oast repl                 a kernel of its own, which ends with it\n"
    "  oast repl --to work       in a running kernel, which stays\n"
    "  oast repl < script.lua    reads stdin without prompts\n"
    "\n"
    "Ctrl-C interrupts running code, or clears the line. Ctrl-D ends. Tab completes.\n"
    "?name explains a name, ??name in more detail. The history is kept in\n"
    "$XDG_STATE_HOME/oast/history, or ~/.local/state/oast/history.\n"
    "Reading from a pipe, it exits with the code of the first piece that failed; Ctrl-C ends it.\n";

class Repl {
 public:
  Repl(const KernelChoice& choice, SignalReader& signals)
      : interactive_(isatty(STDIN_FILENO) == 1 && out().is_terminal()), signals_(signals) {
    {
      const ExitOnSignal impatient(signals);
      target_.emplace(choice, [this](const Output& output) { show_late(output); });
      language_ = target_->language();
    }
    const Judge judge = [this](std::string_view code) { return this->judge(code); };
    source_ = interactive_ ? typed_code(signals, language_, judge,
                                        [this](std::string_view code, std::size_t cursor) {
                                          return complete(code, cursor);
                                        })
                           : piped_code(signals, judge);
  }

  int run() {
    if (interactive_) greet();
    int code = kDone;
    for (;;) {
      const auto [text, signal] = source_->next();
      if (signal != 0) return 128 + signal;
      if (!text) return interactive_ ? kDone : code;
      const int result = text->starts_with('?') ? inspect(*text) : evaluate(*text);
      if (code == kDone) code = result;
      if (ended_) return result;
    }
  }

 private:
  void greet() {
    const Worker& worker = target_->worker();
    say(styled(err(), Style::bold, "oast") + ", " +
        (language_.empty() ? "kernel" : language_ + " kernel") + " " + worker.name() +
        (target_->own() ? "" : ", which stays when you leave") +
        ". Ctrl-D ends, ?name explains, Tab completes.\n");
  }

  int evaluate(const std::string& text) {
    const Outcome outcome = execute(target_->worker(), target_->own(), signals_,
                                    {.text = text, .reply = Evaluator::Request::Reply::shown},
                                    {.source_name = "repl", .by_line = true});
    show(outcome);
    const int code = exit_code(outcome);
    const bool asked = outcome.cut == Cut::terminated || outcome.cut == Cut::reader_gone ||
                       (outcome.cut == Cut::interrupted && !interactive_);
    ended_ = asked || outcome.abandoned || code == kNoBroker;
    if (!ended_ && !target_->worker().isrunning()) recover();
    return code;
  }

  // At a terminal, Ctrl-C ends the printing and nothing else.
  void show(const Outcome& outcome) {
    WakeEvent enough;
    const ExitOnSignal impatient(signals_, interactive_ ? &enough : nullptr);
    if (const Value* value = outcome.value(); value && !value->is_nil()) {
      const std::string gap = out().at_line_start() ? "" : "\n";
      out().write(gap + value_text(*value, language_, window_size(out().fd()).columns) + "\n",
                  &enough);
    } else if (!value && interactive_ && !out().at_line_start()) {
      out().write("\n", &enough);
    }
    explain(outcome, &enough);
    if (enough.is_set()) out().write("\n");  // the terminal has shown ^C
    if (out().reader_gone()) throw ReaderGone{};
  }

  int inspect(const std::string& text) {
    const std::size_t begin = text.find_first_not_of("? \t");
    if (begin == std::string::npos) {
      say("?name explains a name: ?string.format\n");
      return kDone;
    }
    const std::string name = text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
    try {
      const int detail = text.starts_with("??") ? 1 : 0;
      const ExitOnSignal impatient(signals_);
      const auto found = target_->worker().inspect(name, name.size(), detail);
      out().print(found ? *found + (found->ends_with('\n') ? "" : "\n")
                        : "nothing is known of " + name + "\n");
      return kDone;
    } catch (const Error& error) {
      explain(error.failure());
      if (!target_->worker().isrunning()) recover();
      return exit_code(error.kind());
    }
  }

  // The kernel died: another takes its place, unless it was somebody else's.
  void recover() {
    if (!target_->own()) {
      ended_ = true;
      return;
    }
    const ExitOnSignal impatient(signals_);
    target_->restart();
    complain("its state is lost; kernel " + target_->worker().name() + " takes its place");
  }

  // A kernel that is at work answers no questions: then the code is sent as it is, and Tab finds
  // nothing.
  bool at_work() {
    return !target_->own() &&
           target_->broker().find(target_->worker().id()).state == KernelState::busy;
  }

  Completeness judge(std::string_view code) {
    try {
      if (!at_work()) return target_->worker().is_complete(code);
    } catch (const Error&) {
      // Evaluating it will say what is wrong.
    }
    return {CodeStatus::complete, {}};
  }

  Completions complete(std::string_view code, std::size_t cursor) {
    if (at_work()) return {};
    return target_->worker().complete(code, cursor);
  }

  // Output of what an earlier request left running.
  void show_late(const Output& output) {
    if (!source_) return;
    source_->print(output.stream == Output::Stream::display ? display_text(output) : output.text);
  }

  const bool interactive_;
  SignalReader& signals_;
  std::string language_;
  bool ended_ = false;
  std::unique_ptr<CodeSource> source_;  // outlives the target, whose callbacks use it
  std::optional<TargetKernel> target_;
};

}  // namespace

void add_repl(CLI::App& app, Action& action) {
  auto choice = std::make_shared<KernelChoice>();
  CLI::App& sub = add_command(app, "repl", "Evaluate code as you type it", kReplExamples);
  add_kernel_options(sub, *choice);
  sub.callback([choice, &action] {
    action = [choice] {
      SignalReader signals;
      return Repl(*choice, signals).run();
    };
  });
}

}  // namespace oast::cli
