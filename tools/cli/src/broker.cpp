// oast broker: the daemon, in the foreground.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "exit_code.hpp"
#include "program_path.hpp"

namespace oast::cli {
namespace {

struct BrokerCommand {
  std::string config;
  std::string runtime_dir;
  std::string data_dir;
};

constexpr const char* kBrokerExamples =
    "  oast broker                            at the default place, until Ctrl-C\n"
    "  oast broker --runtime-dir ~/.oast/work then: oast ps -b ~/.oast/work\n"
    "  oast broker --config broker.json\n";

int become_daemon(const BrokerCommand& command) {
  const std::string program = program_path("oast-broker").string();
  std::vector<std::string> words{program};
  if (!command.config.empty()) words.insert(words.end(), {"--config", command.config});
  if (!command.runtime_dir.empty())
    words.insert(words.end(), {"--runtime-dir", command.runtime_dir});
  if (!command.data_dir.empty()) words.insert(words.end(), {"--data-dir", command.data_dir});
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // as we found it
  execv(program.c_str(), argv.data());
  throw std::system_error(errno, std::generic_category(), "cannot run " + program);
}

}  // namespace

void add_broker(CLI::App& app, Action& action) {
  auto command = std::make_shared<BrokerCommand>();
  CLI::App& sub =
      add_command(app, "broker", "Run the broker daemon in the foreground", kBrokerExamples);
  sub.add_option("--config", command->config, "Its configuration")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  not_empty(sub.add_option("--runtime-dir", command->runtime_dir, "The directory of its sockets"))
      ->type_name("DIR");
  not_empty(sub.add_option("--data-dir", command->data_dir, "The directory of its kernels' logs"))
      ->type_name("DIR");
  sub.callback([command, &action] { action = [command] { return become_daemon(*command); }; });
}

}  // namespace oast::cli
