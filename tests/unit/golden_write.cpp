// Writes the golden messages that are missing. Those that are there stay: they are what earlier
// versions sent.
#include <filesystem>
#include <iostream>

#include "golden_cases.hpp"
#include "packet_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: golden-write DIRECTORY\n";
    return 2;
  }
  for (const auto& golden : oast::testing::golden_cases()) {
    const auto path = std::filesystem::path(argv[1]) / (golden.name + ".bin");
    if (std::filesystem::exists(path)) continue;
    oast::testing::write_file(path, oast::testing::to_bytes(golden.write()));
    std::cout << "wrote " << path << '\n';
  }
  return 0;
}
