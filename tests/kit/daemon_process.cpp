#include "daemon_process.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <utility>
#include <vector>

namespace oast::test {

std::vector<std::string> broker_arguments(const std::filesystem::path& directory) {
  return {"--runtime-dir", directory.string(), "--data-dir", directory.string()};
}

namespace {

std::vector<std::string> arguments(const std::filesystem::path& directory,
                                   const std::string& config, const std::string& config_file) {
  auto words = broker_arguments(directory);
  if (config.empty()) return words;
  std::ofstream(config_file) << config;
  words.insert(words.end(), {"--config", config_file});
  return words;
}

}  // namespace

DaemonProcess::DaemonProcess(const std::string& config, std::filesystem::path directory)
    : directory_(directory.empty() ? scratch_.path() : std::move(directory)),
      process_("oast-broker", arguments(directory_, config, scratch_.file("config.json")),
               {.err = true}) {
  REQUIRE(read_until(process_.err().get(), "ready in"));
  reader_ = std::thread([fd = process_.err().get()] { read_until(fd, std::string(1, '\0')); });
}

DaemonProcess::~DaemonProcess() {
  end(SIGTERM);
  reader_.join();
}

void DaemonProcess::end(int signal) {
  process_.signal(signal);
  process_.wait();
}

}  // namespace oast::test
