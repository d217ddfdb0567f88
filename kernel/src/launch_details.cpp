#include "launch_details.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "oast/error.hpp"

namespace oast::kernel {

namespace {

constexpr int kProtocol = 1;
constexpr std::size_t kLongestLine = std::size_t{64} * 1024;

}  // namespace

LaunchDetails parse_launch_details(std::string_view line) try {
  const auto details = nlohmann::json::parse(line);
  if (const int protocol = details.at("protocol").get<int>(); protocol != kProtocol)
    throw Error(FailureKind::incompatible, "the launch details are of protocol " +
                                               std::to_string(protocol) + ", this kernel speaks " +
                                               std::to_string(kProtocol));
  return {
      .control = details.at("control").get<std::string>(),
      .data = details.at("data").get<std::string>(),
      .kernel = details.at("kernel").get<std::uint64_t>(),
      .name = details.at("name").get<std::string>(),
      .spec = details.at("spec").get<std::string>(),
      .token = details.at("token").get<std::string>(),
      .directory = details.value("directory", std::string()),
      .host_token = details.value("host_token", std::string()),
      .outbox = details.value("outbox", -1),
      .grace = std::chrono::milliseconds(details.value("grace_ms", std::int64_t{5000})),
  };
} catch (const nlohmann::json::exception&) {
  // What the parser says may quote the line, and with it the token.
  throw Error(FailureKind::invalid,
              "the first line of stdin is not the launch details that a broker gives its kernels");
}

LaunchDetails read_launch_details(int fd) {
  std::string line;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw Error(FailureKind::invalid, "stdin ended before the launch details of a broker came");
    line.append(chunk.data(), static_cast<std::size_t>(got));
    if (const auto end = line.find('\n'); end != std::string::npos)
      return parse_launch_details(std::string_view(line).substr(0, end));
    if (line.size() > kLongestLine)
      throw Error(FailureKind::invalid, "the first line of stdin is too long for launch details");
  }
}

}  // namespace oast::kernel
