// oast end-session: a session and its kernels end.
#include "command.hpp"
#include "console.hpp"
#include "exit_code.hpp"

namespace oast::cli {
namespace {

struct EndSessionCommand {
  std::string broker;
  std::string session;
};

constexpr const char* kEndSessionExamples =
    "  oast --session notes start --name work       begins the session\n"
    "  oast end-session notes                       its kernels end, and nothing waits any more\n";

int end_session(const EndSessionCommand& command) {
  session_choice().name = command.session;
  const Broker broker = connect_broker(command.broker);
  broker.end_session();
  if (broker.resumed()) return kDone;
  throw Error(FailureKind::not_found, "no session `" + command.session + "` at this broker");
}

}  // namespace

void add_end_session(CLI::App& app, Action& action) {
  auto command = std::make_shared<EndSessionCommand>();
  CLI::App& sub =
      add_command(app, "end-session", "End a session and its kernels", kEndSessionExamples);
  not_empty(sub.add_option("SESSION", command->session, "Its name"))->required()->type_name("");
  add_broker_option(sub, command->broker);
  sub.callback([command, &action] { action = [command] { return end_session(*command); }; });
}

}  // namespace oast::cli
