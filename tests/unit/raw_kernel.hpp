// A kernel without a program: what it says is up to the test.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "broker_fixture.hpp"

namespace oast::test {

/// A kernel in the test's hands: its process only passes the launch details on.
class RawKernel {
 public:
  RawKernel(BrokerFixture& f, wire::Connection& owner, wire::StartT start = {}) {
    start.spec = kSpec;
    start.cwd = f.scratch.path();
    send(owner.control, PeerId{}, 1, start);
    wire::HelloT message;
    message.role = wire::Role::kernel;
    message.token = launch_token(f.scratch.path() / "launch");
    connection = wire::dial(f.context, f.broker.control_endpoint(), f.broker.data_endpoint(),
                            message, kPatience);
    REQUIRE(next_answer(owner.control).packet.root().body_as_Kernel() != nullptr);
  }
  static broker::KernelSpec spec() {
    return test::spec(kSpec,
                      {"/bin/sh", "-c", "head -n 1 > part && mv part launch && exec sleep 1000"});
  }

  std::optional<wire::Connection> connection;

 private:
  static constexpr const char* kSpec = "raw";

  static std::string launch_token(const std::filesystem::path& launch) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!std::filesystem::exists(launch)) REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::string line;
    std::getline(std::ifstream(launch), line);
    const std::string key = R"("token":")";
    // Not that of "host_token".
    const auto begin = line.find("," + key) + key.size() + 1;
    return line.substr(begin, line.find('"', begin) - begin);
  }
};

}  // namespace oast::test
