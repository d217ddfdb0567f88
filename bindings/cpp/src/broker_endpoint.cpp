#include "broker_endpoint.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "oast/dial.hpp"

namespace oast::detail {

namespace {

std::filesystem::path locate(std::string_view directory_or_name) {
  if (directory_or_name.empty()) directory_or_name = "default";
  const bool is_name = directory_or_name.find('/') == std::string_view::npos &&
                       directory_or_name != "." && directory_or_name != "..";
  return is_name ? broker::runtime_root() / directory_or_name
                 : std::filesystem::absolute(directory_or_name);
}

Error no_broker(const std::filesystem::path& directory) {
  return {FailureKind::not_found,
          "no broker in " + directory.string() + ": start one with `oast broker`"};
}

/// A broker that was killed leaves its socket file behind.
bool anybody_listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(FailureKind::invalid, "the path is too long for a socket: " + path);
  std::copy(path.begin(), path.end(), address.sun_path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw Error(FailureKind::disconnected, "no socket to be had");
  const int result =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);  // NOLINT
  const int error = errno;
  ::close(fd);
  return result == 0 || (error != ENOENT && error != ECONNREFUSED);
}

std::string read_token(const std::filesystem::path& directory) {
  errno = 0;
  std::ifstream file(directory / "token");
  std::string token;
  if (file >> token) return token;
  const int error = errno;
  if (error == EACCES || error == EPERM)
    throw Error(FailureKind::permission_denied,
                "the broker in " + directory.string() + " is not ours: its token cannot be read");
  throw no_broker(directory);
}

}  // namespace

BrokerEndpoint make_embedded(const EmbeddedOptions& options) {
  broker::Options made;
  made.inproc = true;
  made.heartbeat = options.heartbeat;
  made.heartbeat_misses = options.heartbeat_misses;
  made.start_timeout = options.start_timeout;
  made.log_memory_bytes = options.log_bytes;
  made.grace = {};  // it dies with the owner of all its kernels
  for (const auto& spec : options.specs) {
    made.specs.push_back({.name = spec.name,
                          .language = spec.language,
                          .display_name = spec.display_name,
                          .argv = spec.argv,
                          .env = spec.env,
                          .cwd = spec.cwd});
  }
  auto embedded = std::make_unique<broker::Broker>(std::move(made));
  BrokerEndpoint endpoint{.directory = embedded->directory(),
                          .control = embedded->control_endpoint(),
                          .data = embedded->data_endpoint(),
                          .events = embedded->events_endpoint(),
                          .token = embedded->token(),
                          .own_context = nullptr,
                          .embedded = nullptr};
  endpoint.embedded = std::move(embedded);
  return endpoint;
}

BrokerEndpoint find_daemon(std::string_view directory_or_name, std::string token) {
  const std::filesystem::path directory = locate(directory_or_name);
  if (token.empty()) token = read_token(directory);
  if (!anybody_listens(directory / "control.sock")) throw no_broker(directory);
  const auto endpoint = [&](const char* file) { return "ipc://" + (directory / file).string(); };
  return {.directory = directory,
          .control = endpoint("control.sock"),
          .data = endpoint("data.sock"),
          .events = endpoint("events.sock"),
          .token = std::move(token),
          .own_context = std::make_unique<zmq::context_t>(wire::make_context()),
          .embedded = nullptr};
}

}  // namespace oast::detail
