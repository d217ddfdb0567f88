#include "notebook_run.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "command_line.hpp"
#include "console.hpp"
#include "execution.hpp"
#include "exit_code.hpp"
#include "literal_formatter.hpp"
#include "notebook.hpp"
#include "oast/broker.hpp"
#include "target_kernel.hpp"
#include "value_text.hpp"

namespace oast::jupyter {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string notebook;
  std::string out;
  std::vector<std::string> parameters;
  std::optional<double> timeout;
  bool allow_errors = false;
  cli::KernelChoice kernel;
  bool kernel_chosen = false;
};

constexpr const char* kExamples =
    "  oast jupyter run report.ipynb                       in place, saved after each cell\n"
    "  oast jupyter run report.ipynb --out may.ipynb -p month=5 -p 'towns=[\"Oslo\", \"Rome\"]'\n"
    "  oast jupyter run report.ipynb -k python --timeout 60\n";

Value value_of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) return json.get<double>();
      [[fallthrough]];
    case Json::value_t::number_integer:
      return json.get<std::int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array: {
      Value::List list;
      for (const Json& item : json) list.push_back(value_of(item));
      return list;
    }
    case Json::value_t::object: {
      Value::Map map;
      for (const auto& [key, item] : json.items()) map.emplace_back(key, value_of(item));
      return map;
    }
    default:
      return {};
  }
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z'); };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// "k=v" as an assignment. The value is JSON, or else a text.
std::string assignment(const std::string& parameter, const cli::LiteralFormatter& literals) {
  const auto equals = parameter.find('=');
  const std::string name = parameter.substr(0, equals);
  if (equals == std::string::npos || !is_name(name))
    throw cli::UsageError("-p wants NAME=VALUE, such as -p month=5; not `" + parameter + "`");
  const std::string text = parameter.substr(equals + 1);
  Value value = text;
  try {
    value = value_of(parse_json(text));
  } catch (const Error&) {
    // It is a text.
  }
  return name + " = " + cli::flat_text(value, literals) + "\n";
}

std::string parameters_code(const std::vector<std::string>& parameters,
                            const std::string& language) {
  if (language != "python" && language != "lua")
    throw cli::UsageError(
        "parameters can be written in Python and Lua, and these kernels are for " + language);
  const bool python = language == "python";
  std::string code = python ? "# Parameters\n" : "-- Parameters\n";
  for (const std::string& parameter : parameters)
    code += assignment(parameter, python ? cli::python_literals() : cli::lua_literals());
  code.pop_back();
  return code;
}

/// The spec that the notebook asks for: oast's own by name, or one of its language.
std::string spec_for(const Notebook& notebook, const std::vector<SpecInfo>& specs) {
  const auto usable = [&](const std::string& name) {
    return std::ranges::any_of(
        specs, [&](const SpecInfo& spec) { return spec.name == name && spec.problem.empty(); });
  };
  std::string name = notebook.kernel_name();
  if (name.starts_with("oast-") && usable(name.substr(5))) return name.substr(5);
  if (usable(name)) return name;
  const std::string language = notebook.language();
  if ((language == "python" || name.starts_with("python")) && usable("ipython")) return "ipython";
  for (const SpecInfo& spec : specs)
    if (!language.empty() && spec.language == language && spec.problem.empty()) return spec.name;
  throw cli::UsageError(
      "the notebook does not say of which kernel it is, or names one that is not there (`" + name +
      "`); -k SPEC chooses one of `oast specs`");
}

std::string first_line(const std::string& code) {
  constexpr std::size_t kMost = 50;
  std::string line = code.substr(0, code.find('\n'));
  if (line.size() > kMost) line = line.substr(0, kMost - 3) + "...";
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 32; }, ' ');
  return line;
}

/// Runs the cells of one notebook in one kernel.
class Run {
 public:
  Run(Notebook& notebook, const Options& options, cli::SignalReader& signals)
      : notebook_(notebook), options_(options), signals_(signals), target_(options.kernel) {}

  int run() {
    notebook_.clear_outputs();
    if (!options_.parameters.empty())
      notebook_.inject_parameters(parameters_code(options_.parameters, target_.language()));
    notebook_.save(options_.out);  // or nothing runs
    for (std::size_t i = 0; i < notebook_.size(); ++i) {
      if (!runs(i)) continue;
      const cli::Outcome outcome = run_cell(i);
      notebook_.save(options_.out);
      report(i, outcome);
      if (outcome.value() || forgiven(i, outcome)) continue;
      cli::explain(outcome);
      return cli::exit_code(outcome);
    }
    return cli::kDone;
  }

 private:
  bool runs(std::size_t cell) const {
    return notebook_.is_code(cell) && !notebook_.has_tag(cell, "skip-execution") &&
           notebook_.source(cell).find_first_not_of(" \t\r\n") != std::string::npos;
  }

  bool forgiven(std::size_t cell, const cli::Outcome& outcome) const {
    return outcome.cut == cli::Cut::none &&
           outcome.failure()->kind == FailureKind::remote_exception &&
           (options_.allow_errors || notebook_.has_tag(cell, "raises-exception"));
  }

  cli::Outcome run_cell(std::size_t cell) {
    notebook_.set_count(cell, ++count_);
    const std::string code = notebook_.source(cell);
    cli::ExecutionOptions execution;
    execution.collect = true;
    execution.input = false;
    if (options_.timeout) execution.timeout = std::chrono::duration<double>(*options_.timeout);
    cli::Outcome outcome = cli::execute(
        target_.worker(), target_.own(), signals_,
        {.text = code, .reply = Evaluator::Request::Reply::displayed}, std::move(execution));
    notebook_.add(cell, outcome.outputs);
    if (const Value* value = outcome.value(); value != nullptr && !value->is_nil())
      notebook_.add_result(cell, cli::value_text(*value, target_.language()));
    if (outcome.failure() != nullptr) notebook_.add_failure(cell, *outcome.failure());
    return outcome;
  }

  const char* end_of(std::size_t cell, const cli::Outcome& outcome) const {
    if (outcome.value() != nullptr) return "ok";
    if (outcome.cut == cli::Cut::timed_out) return "timeout";
    if (outcome.cut != cli::Cut::none) return "stopped";
    return forgiven(cell, outcome) ? "raised" : "failed";
  }

  void report(std::size_t cell, const cli::Outcome& outcome) const {
    std::array<char, 64> head{};
    std::snprintf(head.data(), head.size(), "[%zu/%zu] %8.2f s  %-7s  ", cell + 1, notebook_.size(),
                  outcome.duration.count(), end_of(cell, outcome));
    cli::say(head.data() + first_line(notebook_.source(cell)) + "\n");
  }

  Notebook& notebook_;
  const Options& options_;
  cli::SignalReader& signals_;
  cli::TargetKernel target_;
  std::int64_t count_ = 0;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("NOTEBOOK", options.notebook, "A notebook file")->required()->type_name("");
  cli::not_empty(app.add_option("--out", options.out, "Write this file; else NOTEBOOK itself"))
      ->type_name("FILE");
  app.add_option("-p,--parameters", options.parameters,
                 "A variable that the notebook gets, in a cell behind the one tagged `parameters`; "
                 "VALUE is JSON, or else a text")
      ->type_name("NAME=VALUE");
  cli::add_seconds_option(app, "--timeout", options.timeout, "The longest that a cell may run");
  app.add_flag("--allow-errors", options.allow_errors,
               "Go on when a cell raises, as if it were tagged `raises-exception`");
  cli::add_kernel_options(app, options.kernel);
  app.get_option("--spec")->default_str("the notebook's");
}

int run(Options options) {
  cli::SignalReader signals;  // before there are threads
  Notebook notebook(options.notebook);
  options.out = fs::absolute(options.out.empty() ? options.notebook : options.out);
  for (const std::string& parameter : options.parameters)
    assignment(parameter, cli::python_literals());  // refused before anything starts
  if (!options.kernel_chosen) options.kernel.spec = spec_for(notebook, Broker::embedded().specs());
  const fs::path folder = fs::absolute(options.notebook).parent_path();
  if (::chdir(folder.c_str()) != 0)  // where its kernel works, as under a server
    throw std::system_error(errno, std::generic_category(), folder.string());
  return Run(notebook, options, signals).run();
}

}  // namespace

int run_notebook(int argc, char** argv) {
  Options options;
  CLI::App app("Run a notebook without a server, saving it after each cell", "oast jupyter run");
  app.footer(std::string("Examples:\n") + kExamples);
  add_options(app, options);
  return run_command(app, argc, argv, [&] {
    options.kernel_chosen = app.count("--spec") + app.count("--to") > 0;
    return run(std::move(options));
  });
}

}  // namespace oast::jupyter
