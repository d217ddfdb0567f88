#include "accept_filter.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>

#include "descriptors.hpp"
#include "import_slot.hpp"
#include "oast/fd.hpp"

namespace oast::broker {

namespace {

/// From accept to Hello, Join or a subscription with a token: more than a kernel takes to start on
/// a machine that does much else, as what it said is lost when its connection is closed meanwhile.
constexpr unsigned kMostChecks = 12;

using Accept4 = int (*)(int, sockaddr*, socklen_t*, int);
using Accept = int (*)(int, sockaddr*, socklen_t*);

/// What all brokers of the process share. Never destroyed: libzmq's threads may outlive statics.
struct Shared {
  std::mutex mutex;
  std::unordered_map<std::string, AcceptFilter*> by_path;
  Fd spare;  // given up for a moment to take a connection that no descriptor is left for
};

Shared& shared() {
  static auto* instance = new Shared;
  return *instance;
}

// What libzmq called before.
std::atomic<Accept4> next_accept4{nullptr};
std::atomic<Accept> next_accept{nullptr};

Fd make_spare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

/// Half as many as may be open would leave too little, a few must be.
std::size_t most_unproven() {
  return static_cast<std::size_t>(std::clamp(descriptor_limit() / 4, 8, 1024));
}

/// The path that a listening socket is bound to; nothing for other kinds of sockets.
std::optional<std::string> path_of(int listener) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  if (address.sun_family != AF_UNIX) return {};
  return std::string(address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path));
}

/// The same for all descriptors of one socket, and never given again. 0 when it is no socket.
std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

/// Takes the next connection and closes it: left waiting, it would keep libzmq's thread spinning.
template <class Call>
void drop_next(int listener, const Call& accept) {
  auto& spare = shared().spare;
  pollfd waiting{listener, POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 1) return;
  spare.reset();
  const Fd dropped(accept());
  // Somebody else was faster: at least do not spin.
  if (!dropped) ::poll(nullptr, 0, 1);
}

/// accept(2) as libzmq can bear it.
template <class Call>
int filtered(int listener, const Call& accept) {
  const auto path = path_of(listener);
  if (!path) return accept();
  auto& all = shared();
  const std::lock_guard lock(all.mutex);
  const auto owner = all.by_path.find(*path);
  int fd = accept();
  if (fd < 0 && (errno == EAGAIN || errno == EINTR)) return fd;
  if (fd < 0) {
    drop_next(listener, accept);
  } else if (owner != all.by_path.end() && !owner->second->admits(fd)) {
    ::close(std::exchange(fd, -1));
  }
  if (!all.spare) all.spare = make_spare();
  if (fd < 0) errno = ECONNABORTED;
  return fd;
}

int filtered_accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  return filtered(listener, [&] { return next_accept4.load()(listener, address, length, flags); });
}

int filtered_accept(int listener, sockaddr* address, socklen_t* length) {
  return filtered(listener, [&] { return next_accept.load()(listener, address, length); });
}

/// Puts `ours` in the place of what libzmq calls by that name, and that into `next`.
template <class Function>
bool replace(const char* name, Function ours, std::atomic<Function>& next) {
  const auto* libzmq = reinterpret_cast<const void*>(&::zmq_bind);  // NOLINT
  void** slot = find_import(libzmq, name);
  if (slot == nullptr) return false;
  void* before = *slot;
  Dl_info there{};
  Dl_info zmq{};
  // Of a lazily bound import, the word leads to the library's own call of the dynamic linker, which
  // would overwrite it.
  if (::dladdr(before, &there) != 0 && ::dladdr(libzmq, &zmq) != 0 &&
      there.dli_fbase == zmq.dli_fbase)
    before = ::dlsym(RTLD_DEFAULT, name);
  if (before == nullptr) return false;
  next = reinterpret_cast<Function>(before);                 // NOLINT
  return write_import(slot, reinterpret_cast<void*>(ours));  // NOLINT
}

/// libzmq calls into this library from now on: it must never be unloaded.
void stay_loaded() {
  Dl_info info{};
  const auto* here = reinterpret_cast<const void*>(&filtered_accept4);  // NOLINT
  if (::dladdr(here, &info) != 0) ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

bool AcceptFilter::install() {
  static const bool installed = [] {
    stay_loaded();
    shared().spare = make_spare();
    const bool four = replace("accept4", &filtered_accept4, next_accept4);
    // Which of both libzmq calls was decided when it was built; it may import the other, too.
    return replace("accept", &filtered_accept, next_accept) || four;
  }();
  return installed;
}

AcceptFilter::~AcceptFilter() {
  const std::lock_guard lock(shared().mutex);
  for (const auto& path : paths_) shared().by_path.erase(path);
}

void AcceptFilter::add(const std::string& path) {
  const std::lock_guard lock(shared().mutex);
  paths_.push_back(path);
  shared().by_path[path] = this;
}

bool AcceptFilter::admits(int fd) {
  unproven_.erase(fd);  // of one that is closed: the descriptor is given again
  if (unproven_.size() >= most_unproven()) forget_closed();
  if (unproven_.size() < most_unproven() && descriptors_left(kLeftByConnections)) {
    unproven_[fd] = {.cookie = cookie_of(fd)};
    return true;
  }
  ++report_.refused;
  return false;
}

void AcceptFilter::forget_closed() {
  std::erase_if(unproven_,
                [](const auto& entry) { return cookie_of(entry.first) != entry.second.cookie; });
}

void AcceptFilter::proven(int fd) {
  const std::lock_guard lock(shared().mutex);
  unproven_.erase(fd);
}

AcceptFilter::Report AcceptFilter::close_silent() {
  const std::lock_guard lock(shared().mutex);
  forget_closed();
  for (auto& [fd, connection] : unproven_) {
    if (++connection.checks < kMostChecks) continue;
    // Its descriptor is libzmq's to close, at any moment. A duplicate stays what it is.
    const Fd held(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!held || cookie_of(held.get()) != connection.cookie) continue;
    ::shutdown(held.get(), SHUT_RDWR);
    ++report_.closed;
  }
  std::erase_if(unproven_, [](const auto& entry) { return entry.second.checks >= kMostChecks; });
  return std::exchange(report_, {});
}

}  // namespace oast::broker
