// A host with few descriptors: oast-limit-host SOFT [HARD] limits itself, makes an embedded broker
// with one Lua kernel, prints the broker's directory, and answers each line of its stdin with one:
//   start   starts one more kernel: "started", or the failure's kind and message
//   burst   starts a hundred at once, which stay, and opens a file all the while: how many were
//           started, overloaded, failed otherwise, and how often the file could not be opened
//   hog     opens every descriptor that is left: "hogged"
//   release closes them: "released"
//   eval    evaluates 1 + 1 in every kernel: "N answered"
#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
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

std::string burst(const oast::Broker& broker, std::vector<oast::Worker>& workers) {
  constexpr std::size_t kStarts = 100;
  std::vector<std::vector<oast::Worker>> started(kStarts);
  std::vector<std::string> results(kStarts);
  std::atomic<std::size_t> finished = 0;
  int refused = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kStarts; ++i)
      threads.emplace_back([&, i] {
        results[i] = start(broker, started[i]);
        ++finished;
      });
    while (finished < kStarts) {
      if (!oast::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))) ++refused;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  int overloaded = 0;
  std::string failed;
  for (const auto& result : results)
    if (result.starts_with("overloaded"))
      ++overloaded;
    else if (result != "started")
      failed += " " + result;
  std::size_t count = 0;
  for (auto& one : started)
    for (auto& worker : one) {
      workers.push_back(std::move(worker));
      ++count;
    }
  return std::to_string(count) + " started, " + std::to_string(overloaded) +
         " overloaded, failed:" + failed + ", not opened: " + std::to_string(refused);
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
                  : line == "burst"   ? burst(broker, workers)
                  : line == "hog"     ? hog(hogged)
                  : line == "release" ? release(hogged)
                                      : eval(workers))
              << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "oast-limit-host: " << error.what() << "\n";
  return 1;
}
