// oast-broker: the daemon, in the foreground.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "config.hpp"
#include "data_dir.hpp"
#include "logger.hpp"
#include "oast/broker/broker.hpp"
#include "oast/error.hpp"

namespace {

using namespace oast;

/// Blocked before any thread is made, so that all inherit it and sigwait gets them. SIGPIPE stays
/// blocked: who reads stderr may go.
sigset_t block_ending_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  sigset_t blocked = signals;
  ::sigaddset(&blocked, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  return signals;
}

int serve(broker::Options options) {
  const sigset_t signals = block_ending_signals();
  broker::Broker broker(std::move(options));
  broker::write_to_stderr("oast broker ready in " + broker.directory().string() + "\n");
  int signal = 0;
  ::sigwait(&signals, &signal);
  broker::write_to_stderr("oast broker: ending its kernels\n");
  // A second signal ends it the hard way; the kernels' launchers then do the rest.
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  broker.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The oast broker: keeps kernels for hosts that dial its directory.", "oast broker");
  std::string config;
  std::string directory;
  app.add_option("--config", config, "JSON file with settings and kernel specs");
  std::string data;
  app.add_option("--runtime-dir", directory,
                 "directory of its sockets and token; default $XDG_RUNTIME_DIR/oast/default");
  app.add_option("--data-dir", data,
                 "directory of the logs of its kernels; default $XDG_STATE_HOME/oast/NAME, NAME "
                 "being that of the runtime directory");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  try {
    broker::Options options;
    options.log_level = "info";
    if (!config.empty()) broker::read_config(config, options);
    options.directory =
        directory.empty() ? broker::runtime_root() / "default" : std::filesystem::path(directory);
    options.data_dir =
        data.empty() ? broker::default_data_dir(options.directory) : std::filesystem::path(data);
    return serve(std::move(options));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oast broker: %s\n", error.what());
    return 2;
  }
}
