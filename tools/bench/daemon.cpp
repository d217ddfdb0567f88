#include "daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

namespace oast::bench {

namespace fs = std::filesystem;

namespace {

fs::path daemon_program() {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& place : {here, here.parent_path() / "libexec" / "oast"})
    if (fs::exists(place / "oast-broker")) return place / "oast-broker";
  throw std::runtime_error("oast-broker is not beside " + here.string());
}

/// Reads until the daemon says that it is ready.
bool wait_until_ready(int fd, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string heard;
  std::array<char, 512> chunk{};
  while (heard.find("oast broker ready") == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd readable{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0)
      return false;
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count <= 0) return false;
    heard.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string name = (fs::temp_directory_path() / "oast-bench.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Daemon::Daemon(const fs::path& directory) : log_{-1, -1} {
  const std::string program = daemon_program().string();
  if (::pipe2(log_.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  process_ = std::make_unique<Child>([&] {
    ::dup2(log_[1], STDERR_FILENO);
    ::execl(program.c_str(), program.c_str(), "--runtime-dir", directory.c_str(), "--data-dir",
            directory.c_str(), nullptr);
  });
  ::close(log_[1]);
  if (!wait_until_ready(log_[0], std::chrono::seconds(30)))
    throw std::runtime_error(program + " did not become ready");
}

Daemon::~Daemon() {
  process_->end(SIGTERM);
  ::close(log_[0]);
}

}  // namespace oast::bench
