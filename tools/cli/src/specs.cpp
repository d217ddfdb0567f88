// oast specs: the recipes for kernels.
#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "json_text.hpp"
#include "table.hpp"

namespace oast::cli {
namespace {

struct SpecsCommand {
  std::string broker;
  bool json = false;
};

constexpr const char* kSpecsExamples =
    "  oast specs             what -k may name\n"
    "  oast specs --json      an array of objects\n"
    "\n"
    "Without a broker, it lists what an embedded one would offer.\n"
    "--json prints an array of {\"name\", \"language\", \"display_name\", \"argv\", \"problem\": "
    "why it\n"
    "cannot start, null if it can}.\n";

std::string command_line(const SpecInfo& spec) {
  std::string text;
  for (const std::string& word : spec.argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<SpecInfo> specs_of(const std::string& broker) {
  if (!broker.empty()) return connect_broker(broker).specs();
  return default_broker().specs();
}

int list_specs(const SpecsCommand& command) {
  const std::vector<SpecInfo> specs = specs_of(command.broker);
  if (command.json) {
    Json array = Json::array();
    for (const SpecInfo& spec : specs) array.push_back(to_json(spec));
    out().print(dump(array) + "\n");
    return kDone;
  }
  Table table({{"NAME"}, {"LANGUAGE"}, {"TITLE"}, {"STARTS"}});
  for (const SpecInfo& spec : specs) {
    const bool usable = spec.problem.empty();
    table.add({spec.name, spec.language, spec.display_name,
               usable ? command_line(spec) : "cannot start: " + spec.problem});
  }
  out().print(table.text());
  return kDone;
}

}  // namespace

void add_specs(CLI::App& app, Action& action) {
  auto command = std::make_shared<SpecsCommand>();
  CLI::App& sub = add_command(app, "specs", "List the kernel specs", kSpecsExamples);
  add_broker_option(sub, command->broker);
  sub.add_flag("--json", command->json, "Print JSON");
  sub.callback([command, &action] { action = [command] { return list_specs(*command); }; });
}

}  // namespace oast::cli
