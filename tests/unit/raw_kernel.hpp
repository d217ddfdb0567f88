// A kernel that a test plays, on the sockets of a real broker.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "broker_fixture.hpp"

namespace oast::test {

inline wire::HelloT hello(const std::string& token) {
  wire::HelloT message;
  message.token = token;
  message.version_min = message.version_max = wire::kVersion;
  return message;
}

/// A kernel in the test's hands: its process only passes the launch details on.
class RawKernel {
 public:
  RawKernel(BrokerFixture& f, wire::Connection& owner, wire::StartT start = {}) {
    start.spec = kSpec;
    start.cwd = f.scratch.path();
    send(owner.control, PeerId{}, 1, start);
    wire::HelloT message = hello(launch_token(f.scratch.path() / "launch"));
    message.role = wire::Role::kernel;
    connection = wire::dial(f.context, f.broker.control_endpoint(), f.broker.data_endpoint(),
                            message, kGenerous);
    REQUIRE(next_answer(owner.control).packet.root().body_as_Kernel() != nullptr);
  }
  static broker::KernelSpec spec() {
    return test::spec(kSpec,
                      {"/bin/sh", "-c", "head -n 1 > part && mv part launch && exec sleep 1000"});
  }

  /// Says something to a host, as the next record.
  template <class Object>
  void say(PeerId host, std::uint64_t request, const Object& object) {
    auto packet = wire::pack(RequestId{request}, object, ++number);
    REQUIRE(wire::send(connection->data, host, packet));
  }

  std::optional<wire::Connection> connection;
  std::uint64_t number = 0;  ///< of the last record

 private:
  static constexpr const char* kSpec = "raw";

  static std::string launch_token(const std::filesystem::path& launch) {
    const auto deadline = std::chrono::steady_clock::now() + kGenerous;
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
