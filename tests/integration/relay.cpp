#include "relay.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace oast::test {

namespace {

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  REQUIRE(text.size() < sizeof address.sun_path);
  std::copy(text.begin(), text.end(), address.sun_path);
  return address;
}

Fd stream_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

}  // namespace

Relay::Relay(const std::filesystem::path& broker) : broker_(broker) {
  std::filesystem::copy_file(broker / "token", scratch_.path() / "token");
  for (const char* name : {"control.sock", "data.sock", "events.sock"}) listen(name);
}

Relay::~Relay() {
  ending_ = true;
  cut();
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
}

void Relay::listen(const std::string& name) {
  Fd listener = stream_socket();
  const sockaddr_un address = address_of(scratch_.path() / name);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),  // NOLINT
                 sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 64) == 0);
  const std::lock_guard lock(mutex_);
  threads_.emplace_back([this, name, fd = std::move(listener)] { accept_all(fd, name); });
}

void Relay::accept_all(const Fd& listener, const std::string& name) {
  while (!ending_) {
    pollfd item{listener.get(), POLLIN, 0};
    if (::poll(&item, 1, 20) <= 0) continue;
    auto link = std::make_shared<Link>(
        Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)), stream_socket());
    const sockaddr_un address = address_of(broker_ / name);
    const std::lock_guard lock(mutex_);
    if (down_ || ending_ ||
        ::connect(link->second.get(), reinterpret_cast<const sockaddr*>(&address),  // NOLINT
                  sizeof address) != 0)
      continue;
    links_.push_back(link);
    threads_.emplace_back([this, link] { pump(link, true); });
    threads_.emplace_back([this, link] { pump(link, false); });
  }
}

void Relay::pump(const std::shared_ptr<Link>& link, bool to_broker) {
  const int from = to_broker ? link->first.get() : link->second.get();
  const int to = to_broker ? link->second.get() : link->first.get();
  std::array<char, 16384> bytes{};
  for (;;) {
    const ssize_t n = ::read(from, bytes.data(), bytes.size());
    if (n <= 0) break;
    for (ssize_t sent = 0; sent < n;) {
      const ssize_t m =
          ::send(to, bytes.data() + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
      if (m <= 0) break;
      sent += m;
    }
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

void Relay::cut() {
  down_ = true;
  const std::lock_guard lock(mutex_);
  for (const auto& link : links_) {
    ::shutdown(link->first.get(), SHUT_RDWR);
    ::shutdown(link->second.get(), SHUT_RDWR);
  }
  links_.clear();
}

}  // namespace oast::test
