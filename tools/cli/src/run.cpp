// oast run: a program from a file.
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "command.hpp"
#include "console.hpp"
#include "execution.hpp"
#include "exit_code.hpp"
#include "exit_on_signal.hpp"
#include "explain.hpp"
#include "line_reader.hpp"
#include "terminal_text.hpp"

namespace oast::cli {
namespace {

struct RunCommand {
  KernelChoice kernel;
  std::optional<double> timeout;
  std::vector<std::string> words;  // FILE ARGS...
};

constexpr const char* kRunExamples =
    "  oast run program.lua input.txt 10   in it, arg[1] is \"input.txt\"\n"
    "  echo 'print(#arg)' | oast run -     the program comes from stdin\n"
    "  oast run --to work setup.lua        in a running kernel, which keeps what it defines\n"
    "\n"
    "The program's io.read reads the standard input of oast. Everything after FILE belongs to\n"
    "the program. One in Python ends as it would under python: when its threads have ended and\n"
    "the functions of atexit have run.\n";

std::string read_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw UsageError("`" + path + "` is a directory");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) {
    throw UsageError("cannot read `" + path + "`: " + std::generic_category().message(errno));
  }
  return text.str();
}

std::string read_program(const std::string& path) {
  std::string code = path == "-" ? input().rest(WakeEvent{}) : read_file(path);
  // A "#!" line is for the system. Its newline stays, so that line numbers are those of the file.
  if (code.starts_with("#")) code.erase(0, code.find('\n'));
  return code;
}

// FILE and ARGS are no options that the parser knows of.
class RunFormatter : public HelpFormatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: oast run [OPTIONS] FILE [ARGS...]\n";
  }
};

Value argument(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const CodePoint point = first_code_point(rest);
    if (point.size == 0) return Buffer::copy_of(text);  // file names need not be UTF-8
    rest.remove_prefix(point.size);
  }
  return text;
}

// Sets the global `arg` as the lua command does: the program's name at 0, its arguments from 1.
constexpr const char* kSetArg = "local name = ... arg = {select(2, ...)} arg[0] = name";

// A program that ends itself by Python's sys.exit ends us alike: a number is the exit code, any
// other object is said on stderr and the code is 1.
std::optional<int> exit_of_program(const Outcome& outcome) {
  const Failure* failure = outcome.failure();
  if (failure == nullptr || failure->kind != FailureKind::remote_exception ||
      failure->type != "SystemExit") {
    return std::nullopt;
  }
  const std::string& text = failure->message;
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error == std::errc{} && end == text.data() + text.size()) return code & 0xFF;
  err().write(text + "\n");
  return 1;
}

// What python does once a program is over: waits for its threads, and runs what it left to atexit.
constexpr const char* kFinish = "oast_kernel.finish";

int report(const Outcome& outcome, SignalReader& signals) {
  const ExitOnSignal impatient(signals);  // nobody may be reading a long message
  if (const auto status = exit_of_program(outcome)) return *status;
  explain(outcome);
  return exit_code(outcome);
}

// Whether the kernel still knows what the program left to be done.
bool leaves_rest(const Outcome& outcome) {
  if (outcome.cut != Cut::none && outcome.cut != Cut::interrupted) return false;
  return outcome.value() || outcome.failure()->kind == FailureKind::remote_exception ||
         outcome.failure()->kind == FailureKind::interrupted;
}

// Ends a program in our own Python kernel as python does. `status` is its exit code so far.
int finish(TargetKernel& target, SignalReader& signals, ExecutionOptions options, int status) {
  const Evaluator::Request request{.what = Evaluator::Request::What::call,
                                   .text = kFinish,
                                   .reply = Evaluator::Request::Reply::done};
  const Outcome outcome = execute(target.worker(), true, signals, request, std::move(options));
  const bool unknown = outcome.failure() && outcome.failure()->kind == FailureKind::not_found;
  return outcome.value() || unknown ? status : report(outcome, signals);
}

int run_program(const RunCommand& command, const std::string& code) {
  SignalReader signals;
  std::optional<TargetKernel> target;
  std::string language;
  // What threads print when the program's own code has ended.
  const auto late = std::make_shared<RequestStreams>(false);
  {
    const ExitOnSignal impatient(signals);
    target.emplace(command.kernel, [late](const Output& output) { late->write(output); });
    language = target->language();
    if (language == "lua") {
      std::vector<Value> words;
      for (const std::string& word : command.words) words.push_back(argument(word));
      // Ahead of the program in the same lane, so there is nothing to wait for.
      target->worker().remote_do(kSetArg, {.source_name = "oast", .args = std::move(words)});
    }
  }
  const std::string& path = command.words.front();
  ExecutionOptions options{.source_name = path == "-" ? "stdin" : path};
  for (std::size_t i = 1; i < command.words.size(); ++i) {
    options.args.push_back(argument(command.words[i]));
  }
  if (command.timeout) options.timeout = std::chrono::duration<double>(*command.timeout);
  ExecutionOptions rest{.timeout = options.timeout, .streams = late};
  const Evaluator::Request request{.text = code, .reply = Evaluator::Request::Reply::done};
  const Outcome outcome =
      execute(target->worker(), target->own(), signals, request, std::move(options));
  const int status = report(outcome, signals);
  if (!target->own() || language != "python" || !leaves_rest(outcome)) return status;
  return finish(*target, signals, std::move(rest), status);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto command = std::make_shared<RunCommand>();
  CLI::App& sub = add_command(app, "run", "Run a program from a file", kRunExamples);
  add_kernel_options(sub, command->kernel);
  add_seconds_option(sub, "--timeout", command->timeout,
                     "Interrupt the program after S seconds and exit 5");
  // What follows FILE is taken as it stands: no option of ours, no list in brackets.
  sub.formatter(std::make_shared<RunFormatter>());
  sub.prefix_command();
  sub.callback([command, &action, &sub] {
    command->words = sub.remaining();
    if (command->words.empty()) {
      throw CLI::RequiredError("FILE, the program to run, or - for stdin");
    }
    if (const std::string& file = command->words.front(); file.size() > 1 && file[0] == '-') {
      throw CLI::ExtrasError({file});
    }
    action = [command] { return run_program(*command, read_program(command->words.front())); };
  });
}

}  // namespace oast::cli
