// A host with one Lua kernel at a daemon: oast-line-host BROKER prints "ready" and answers each
// line of its stdin with one:
//   eval CODE   its value as an int, or the failure
#include <cstdlib>
#include <iostream>
#include <string>

#include "oast/oast.hpp"

namespace {

std::string eval(oast::Worker& worker, const std::string& code) try {
  return std::to_string(worker.remote_eval_fetch<int>(code));
} catch (const std::exception& error) {
  return error.what();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("which broker?");
  const auto broker = oast::Broker::connect(argv[1]);
  auto worker = broker.start("lua");
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << eval(worker, line.substr(line.find(' ') + 1)) << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "oast-line-host: " << error.what() << "\n";
  return 1;
}
