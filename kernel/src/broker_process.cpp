#include "broker_process.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace oast::kernel {

Fd broker_process(const std::string& control) {
  constexpr std::string_view kIpc = "ipc://";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!control.starts_with(kIpc)) return {};
  const auto path = std::string_view(control).substr(kIpc.size());
  if (path.size() >= sizeof address.sun_path) return {};
  std::copy(path.begin(), path.end(), address.sun_path);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),  // NOLINT
                sizeof address) != 0)
    return {};
  // Of who called listen(2), in our own numbers; 0 when it has none here.
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0)
    return {};
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
}

}  // namespace oast::kernel
