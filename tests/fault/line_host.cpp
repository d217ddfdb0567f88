// A host with one Lua kernel at a daemon: oast-line-host BROKER prints "ready" and answers each
// line of its stdin with one:
//   eval CODE   its value as an int, or the failure
//   room MIB    limits its own address space to so much more than it has: "limited"
//   leave CODE  evaluates in the kernel "kept" without an answer, and returns from main
//   lose MANY   fetches so many tensors of 1 MiB, with a small one after each, and drops the large
//   rss         its resident memory in MiB
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "oast/oast.hpp"

namespace {

std::string eval(oast::Worker& worker, const std::string& code) try {
  return std::to_string(worker.remote_eval_fetch<int>(code));
} catch (const std::exception& error) {
  return error.what();
}

/// In MiB: the address space, and what of it is resident.
std::pair<rlim_t, rlim_t> memory() {
  rlim_t size = 0;
  rlim_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  const auto pages_of_mib = static_cast<rlim_t>((1 << 20) / ::sysconf(_SC_PAGESIZE));
  return {size / pages_of_mib, resident / pages_of_mib};
}

std::string limit(const std::string& mib) {
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = (memory().first + std::stoul(mib)) << 20;
  return ::setrlimit(RLIMIT_AS, &limit) == 0 ? "limited" : "not limited";
}

oast::Value tensor(std::int64_t bytes) {
  const std::string content(static_cast<std::size_t>(bytes), 'x');
  return oast::Tensor{oast::DType::uint8, {bytes}, oast::Buffer::copy_of(content)};
}

/// The allocator keeps blocks that are smaller than the largest which it has seen freed.
std::string lose(oast::Worker& worker, const std::string& many) {
  static std::vector<oast::Value> small;
  worker.remote_eval_wait("huge, large, small = ...",
                          {.args = {tensor(30 << 20), tensor(1 << 20), tensor(3000)}});
  static_cast<void>(worker.remote_eval_fetch("huge"));
  std::vector<oast::Value> large;
  for (int i = std::stoi(many); i > 0; --i) {
    large.push_back(worker.remote_eval_fetch("large"));
    small.push_back(worker.remote_eval_fetch("small"));
  }
  return std::to_string(memory().second);
}

std::string answer(oast::Worker& worker, const std::string& line) {
  const auto space = line.find(' ');
  const std::string rest = space == std::string::npos ? std::string() : line.substr(space + 1);
  const std::string command = line.substr(0, space);
  if (command == "room") return limit(rest);
  if (command == "lose") return lose(worker, rest);
  if (command == "rss") return std::to_string(memory().second);
  return eval(worker, rest);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("which broker?");
  const auto broker = oast::Broker::connect(argv[1]);
  auto worker = broker.start("lua");
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("leave ")) {
      broker.attach("kept").remote_do(line.substr(6));
      return 0;
    }
    std::cout << answer(worker, line) << std::endl;
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "oast-line-host: " << error.what() << "\n";
  return 1;
}
