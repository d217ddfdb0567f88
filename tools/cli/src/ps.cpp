// oast ps: the kernels of a broker.
#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"
#include "json_text.hpp"
#include "kernel_text.hpp"
#include "table.hpp"

namespace oast::cli {
namespace {

struct PsCommand {
  std::string broker;
  bool json = false;
};

constexpr const char* kPsExamples =
    "  oast ps                 a table; kernels that died in the last minute included\n"
    "  oast ps --json | jq '.[] | select(.state == \"busy\") | .name'\n"
    "\n"
    "--json prints an array of {\"id\", \"name\", \"spec\", \"state\", \"pid\", \"owner\": null if "
    "detached,\n"
    "\"detached\", \"request\": null if idle, \"queued\", \"rss_bytes\", \"cpu_seconds\",\n"
    "\"heartbeat_ms\": null if none came yet, \"age_s\", \"restarts\",\n"
    "\"held_by\": the host that does not read, or null, \"held_s\": for how long,\n"
    "\"unacknowledged_bytes\", \"log_first\", \"log_last\": the records of its log, "
    "\"log_bytes\",\n"
    "\"log_problem\": why it is not on disk, or null}, \"successor\" when another was started in "
    "its\n"
    "place, and \"death\" when it is dead: {\"cause\",\n"
    "\"exit_code\", \"signal\", \"signal_name\", \"explanation\", \"stderr_tail\"}. The state is "
    "one of\n"
    "starting, idle, busy, unresponsive, stopping and dead.\n";

int list_kernels(const PsCommand& command) {
  const std::vector<KernelInfo> kernels = connect_broker(command.broker).list();
  if (command.json) {
    Json array = Json::array();
    for (const KernelInfo& kernel : kernels) array.push_back(to_json(kernel));
    out().print(dump(array) + "\n");
    return kDone;
  }
  Table table({{"ID", true},
               {"NAME"},
               {"SPEC"},
               {"STATE"},
               {"PID", true},
               {"OWNER", true},
               {"REQUEST"},
               {"QUEUED", true},
               {"RSS", true},
               {"CPU", true},
               {"HEARTBEAT", true},
               {"AGE", true}});
  for (const KernelInfo& kernel : kernels) {
    table.add({std::to_string(kernel.id.value), kernel.name, kernel.spec, state_text(kernel),
               std::to_string(kernel.pid), owner_text(kernel), request_text(kernel),
               std::to_string(kernel.queued), rss_text(kernel), cpu_text(kernel),
               heartbeat_text(kernel), duration_text(static_cast<double>(kernel.age_ms) / 1000)});
  }
  out().print(table.text());
  return kDone;
}

}  // namespace

void add_ps(CLI::App& app, Action& action) {
  auto command = std::make_shared<PsCommand>();
  CLI::App& sub = add_command(app, "ps", "List the kernels of a broker", kPsExamples);
  add_broker_option(sub, command->broker);
  sub.add_flag("--json", command->json, "Print JSON");
  sub.callback([command, &action] { action = [command] { return list_kernels(*command); }; });
}

}  // namespace oast::cli
