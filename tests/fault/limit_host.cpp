// A host with few descriptors: oast-limit-host SOFT [HARD] limits itself, makes an embedded broker
// with one Lua kernel, prints the broker's directory, and answers each line of its stdin with one:
//   start   starts one more kernel: "started", or the failure's kind and message
//   hog     opens every descriptor that is left: "hogged"
//   release closes them: "released"
//   eval    evaluates 1 + 1 in every kernel: "N answered"
#include <fcntl.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "oast/fd.hpp"
#include "oast/oast.hpp"

namespace {

void limit_descriptors(const char* soft, const char* hard) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::strtoul(soft, nullptr, 10);
  if (hard != nullptr) limit.rlim_max = std::strtoul(hard, nullptr, 10);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("setrlimit");
}

std::string start(const oast::Broker& broker, std::vector<oast::Worker>& workers) try {
  workers.push_back(broker.start("lua"));
  return "started";
} catch (const oast::Error& error) {
  return std::string(oast::to_string(error.kind())) + ": " + error.what();
}

std::string eval(std::vector<oast::Worker>& workers) {
  int right = 0;
  for (auto& worker : workers)
    if (worker.remote_eval_fetch<int>("return 1 + 1") == 2) ++right;
  return std::to_string(right) + " answered";
}

std::string hog(std::vector<oast::Fd>& hogged) {
  while (hogged.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC))) {
  }
  return "hogged";
}

std::string release(std::vector<oast::Fd>& hogged) {
  hogged.clear();
  return "released";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1) limit_descriptors(argv[1], argc > 2 ? argv[2] : nullptr);
  const auto broker = oast::Broker::embedded();
  std::vector<oast::Worker> workers;
  if (const auto result = start(broker, workers); result != "started")
    throw std::runtime_error(result);
  std::cout << broker.directory().string() << std::endl;
  std::vector<oast::Fd> hogged;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << (line == "start"     ? start(broker, workers)
                  : line == "hog"     ? hog(hogged)
                  : line == "release" ? release(hogged)
                                      : eval(workers))
              << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "oast-limit-host: " << error.what() << "\n";
  return 1;
}
