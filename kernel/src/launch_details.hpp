// What a kernel is told when it starts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace oast::kernel {

/// One JSON object on the first line of stdin, and nowhere else: the token is a secret.
struct LaunchDetails {
  std::string control;  ///< endpoints of the broker
  std::string data;
  std::uint64_t kernel = 0;
  std::string name;
  std::string spec;
  std::string token;
  std::string directory;                  ///< of the broker; empty: unknown
  std::string host_token;                 ///< lets this process be a host, too; empty: it may not
  int outbox = -1;                        ///< a descriptor: see wire::OutboxMemory; -1: none
  std::chrono::milliseconds grace{5000};  ///< how long it may go on when the broker is gone
};

/// Throws Error: invalid when the line is not such an object, incompatible when it is one of a
/// protocol that is unknown here.
LaunchDetails parse_launch_details(std::string_view line);

/// Blocks until a whole line can be read from `fd`. What follows the line may be lost. Throws
/// Error(invalid) at the end of input or when the line is too long, and as parse_launch_details.
LaunchDetails read_launch_details(int fd);

}  // namespace oast::kernel
